"""Files on disk: what is opened, what is proven before it is sent, and what an error says."""

from __future__ import annotations

import errno
import gzip
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hashserve.digests import digest_of
from hashserve.file_identity import identify
from hashserve.http.messages import FileSpan, StoredFile
from hashserve.serve.files import (
    BLOCK_SIZE,
    ChangedFileError,
    check_readable,
    chunks_of,
    is_machine_error,
    is_transient,
    open_regular,
    open_stored,
    prove,
    read_stored,
)
from tests.support.files import put

CONTENT = b"0123456789"


def stored(path: Path, *, size: int = 10, content: bytes = CONTENT, coding: str = "identity") -> StoredFile:
    return StoredFile(os.fspath(path), size, coding, digest_of([content]))


def identified(path: Path) -> StoredFile:
    return stored(path)._replace(file_identity=identify(path.stat()))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return put(tmp_path, "a.txt", CONTENT)


@pytest.fixture
def next_descriptor() -> Callable[[], int]:
    """Return the number that the next descriptor gets: it shows one that was left open."""

    def probe() -> int:
        descriptor = os.dup(0)
        os.close(descriptor)
        return descriptor

    return probe


# Errors


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.EISDIR, errno.ENXIO])
def test_an_error_of_the_file_is_no_exhaustion(number: int) -> None:
    assert not is_machine_error(OSError(number, "x"))
    assert not is_transient(OSError(number, "x"))


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM, errno.ESTALE])
def test_an_error_of_the_machine_passes(number: int) -> None:
    assert is_machine_error(OSError(number, "x"))
    assert is_transient(OSError(number, "x"))


def test_a_bad_place_on_a_disk_is_of_the_machine_and_does_not_pass() -> None:
    assert is_machine_error(OSError(errno.EIO, "x"))
    assert not is_transient(OSError(errno.EIO, "x"))


def test_a_changed_file_is_no_exhaustion() -> None:
    assert not is_machine_error(ChangedFileError("/a", "changed"))


def test_a_changed_file_is_named_with_what_happened() -> None:
    error = ChangedFileError("/a", "changed")
    assert (error.path, error.problem, str(error)) == ("/a", "changed", "/a: changed")


# Opening


def test_a_regular_file_is_opened_at_its_start_with_its_status(path: Path) -> None:
    descriptor, status = open_regular(os.fspath(path))
    with open(descriptor, "rb") as stream:
        assert stream.read() == CONTENT
    assert identify(status) == identify(path.stat())


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["folder", "fifo"])
def test_what_is_no_regular_file_is_named_and_not_opened(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / "a")
    with pytest.raises(ChangedFileError) as raised:
        open_regular(os.fspath(tmp_path / "a"))
    assert str(raised.value) == f"{tmp_path}/a: is not a regular file"


def test_a_folder_that_takes_the_place_of_a_file_is_closed_and_named(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, next_descriptor: Callable[[], int]
) -> None:
    status = path.stat()
    free = next_descriptor()
    monkeypatch.setattr("os.stat", lambda _: status)  # the look before the change
    with pytest.raises(ChangedFileError) as raised:
        open_regular(os.fspath(tmp_path))
    assert str(raised.value) == f"{tmp_path}: was replaced by something that is not a regular file"
    assert next_descriptor() == free


@pytest.mark.parametrize("known", [stored, identified])
def test_an_expected_file_is_opened(known: Callable[[Path], StoredFile], path: Path) -> None:
    descriptor, status = open_stored(known(path))
    with open(descriptor, "rb") as stream:
        assert stream.read() == CONTENT
    assert status.st_size == 10


@pytest.mark.parametrize("known", [stored, identified])
def test_a_file_that_is_not_the_expected_one_is_closed_and_named(
    known: Callable[[Path], StoredFile], path: Path, next_descriptor: Callable[[], int]
) -> None:
    file = known(path)
    path.write_bytes(CONTENT + b"longer")
    free = next_descriptor()
    with pytest.raises(ChangedFileError) as raised:
        open_stored(file)
    assert str(raised.value) == f"{path}: was 10 bytes and has changed since"
    assert next_descriptor() == free


def test_a_file_of_the_same_size_is_not_the_one_with_another_identity(path: Path) -> None:
    file = identified(path)
    put(path.parent, path.name, CONTENT, age=3600)
    with pytest.raises(ChangedFileError):
        open_stored(file)


# The first byte of a span


@pytest.fixture
def opened(path: Path) -> int:
    """Return the descriptor of a file of ten bytes."""
    return os.open(path, os.O_RDONLY)


def test_a_span_that_can_be_read_is_no_error(path: Path, opened: int) -> None:
    check_readable(opened, FileSpan(stored(path), 9, 1))
    assert os.lseek(opened, 0, os.SEEK_CUR) == 0
    os.close(opened)


def test_a_span_behind_the_end_is_an_error_that_names_the_file(path: Path, opened: int) -> None:
    with pytest.raises(ChangedFileError) as raised:
        check_readable(opened, FileSpan(stored(path), 10, 1))
    assert str(raised.value) == f"{path}: was cut short while it was opened"
    os.close(opened)


def test_an_empty_span_is_not_read(path: Path, opened: int) -> None:
    check_readable(opened, FileSpan(stored(path), 10, 0))
    os.close(opened)


def test_one_byte_of_a_span_is_read(path: Path, opened: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[int, int, int]] = []

    def reading(descriptor: int, length: int, offset: int) -> bytes:
        calls.append((descriptor, length, offset))
        return b"x"

    monkeypatch.setattr("os.pread", reading)
    check_readable(opened, FileSpan(stored(path), 3, 5))
    assert calls == [(opened, 1, 3)]
    os.close(opened)


# Reading and proving


@pytest.mark.parametrize("known", [stored, identified])
def test_a_file_with_the_expected_digest_is_read_whole_and_closed(
    known: Callable[[Path], StoredFile], path: Path, next_descriptor: Callable[[], int]
) -> None:
    free = next_descriptor()
    assert read_stored(known(path)) == CONTENT
    assert next_descriptor() == free


def test_a_variant_is_read_as_it_is_stored(tmp_path: Path) -> None:
    body = gzip.compress(CONTENT)
    path = put(tmp_path, "a.gz", body)
    assert read_stored(stored(path, size=len(body), coding="gzip")) == body


@pytest.mark.parametrize("content", [CONTENT[:9], CONTENT + b"x"], ids=["shorter", "longer"])
def test_a_file_whose_length_changes_while_it_is_read_is_named(
    content: bytes, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashserve.serve.files.chunks_of", lambda *_: iter([content]))
    with pytest.raises(ChangedFileError) as raised:
        read_stored(stored(path))
    assert str(raised.value) == f"{path}: changed while it was read"


def test_a_file_whose_identity_changes_while_it_is_read_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reading(descriptor: int, size: int) -> list[bytes]:
        chunks = list(chunks_of(descriptor, size))
        os.utime(path, (1, 1))
        return chunks

    monkeypatch.setattr("hashserve.serve.files.chunks_of", reading)
    with pytest.raises(ChangedFileError, match="changed while it was read"):
        read_stored(identified(path))


def test_other_bytes_of_the_same_length_are_an_error_with_its_remedy(path: Path) -> None:
    with pytest.raises(ChangedFileError) as raised:
        read_stored(stored(path, content=b"9876543210"))
    assert str(raised.value) == f"{path}: is not the content that the manifest lists; build again"


def test_a_variant_that_does_not_decode_is_an_error_with_its_remedy(path: Path) -> None:
    with pytest.raises(ChangedFileError) as raised:
        prove(stored(path, coding="gzip"), [gzip.compress(CONTENT)[:-1]])
    assert str(raised.value) == f"{path}: does not decode (the gzip stream is cut short); build again"


def test_a_variant_of_other_content_is_an_error(path: Path) -> None:
    with pytest.raises(ChangedFileError, match="is not the content"):
        prove(stored(path, coding="gzip"), [gzip.compress(b"other")])


# Chunks


@pytest.mark.parametrize(
    ("length", "expected", "lengths"),
    [
        (0, 0, []),
        (10, 10, [10]),
        (10, 12, [10]),
        (12, 10, [11]),  # one byte more shows that the file is longer
        (BLOCK_SIZE, BLOCK_SIZE, [BLOCK_SIZE]),
        (BLOCK_SIZE + 5, BLOCK_SIZE + 5, [BLOCK_SIZE, 5]),
        (3 * BLOCK_SIZE, BLOCK_SIZE, [BLOCK_SIZE, 1]),
    ],
)
def test_a_file_is_read_in_blocks_to_one_byte_past_its_size(
    length: int, expected: int, lengths: list[int], tmp_path: Path
) -> None:
    descriptor = os.open(put(tmp_path, "a", b"x" * length), os.O_RDONLY)
    assert list(map(len, chunks_of(descriptor, expected))) == lengths
    os.close(descriptor)
