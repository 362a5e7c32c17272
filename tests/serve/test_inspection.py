"""What is found of a file on disk: its content, its variants, and the root that it must be in."""

from __future__ import annotations

import errno
import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brotli
import pytest

from hashserve.digests import digest_of
from hashserve.file_identity import identify
from hashserve.http.messages import StoredFile
from hashserve.serve.files import BLOCK_SIZE, ChangedFileError
from hashserve.serve.inspection import OutsideRootError, Root, Watched, inspect, variant_identities
from tests.support.files import put

CONTENT = b"0123456789"


def root_of(folder: Path, *, follow_symlinks: bool = False) -> Root:
    return Root(os.path.join(folder, ""), follow_symlinks)


def found_variants(path: Path, *, root: Root | None = None) -> list[str]:
    return list(inspect(os.fspath(path), root or root_of(path.parent), keep=0).variants)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return put(tmp_path, "root/a.txt", CONTENT)


# The root


def checked(root: Root, path: Path) -> None:
    """Check that a path which was just opened is below the root."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        root.check_contains(os.fspath(path), descriptor)
    finally:
        os.close(descriptor)


def test_a_link_within_the_root_is_inside(path: Path) -> None:
    (path.parent / "link").symlink_to(path)
    checked(root_of(path.parent), path.parent / "link")


def test_a_root_that_is_itself_a_link_contains_its_files(path: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(path.parent)
    checked(root_of(tmp_path / "current"), tmp_path / "current" / path.name)


def test_a_link_out_of_the_root_is_an_error_that_names_the_setting(path: Path, tmp_path: Path) -> None:
    (path.parent / "link").symlink_to(put(tmp_path, "secret", b"x"))
    with pytest.raises(OutsideRootError) as raised:
        checked(root_of(path.parent), path.parent / "link")
    problem = "is a link that leads out of the root; the setting follow_symlinks allows it"
    assert str(raised.value) == f"{path.parent}/link: {problem}"
    assert raised.value.path == f"{path.parent}/link"
    checked(root_of(path.parent, follow_symlinks=True), path.parent / "link")


def test_a_folder_whose_name_starts_like_the_roots_is_outside(path: Path, tmp_path: Path) -> None:
    (path.parent / "link").symlink_to(put(tmp_path, "root-of-others/secret", b"x"))
    with pytest.raises(OutsideRootError):
        checked(Root(os.fspath(path.parent)), path.parent / "link")


def test_a_file_that_is_replaced_after_it_was_opened_is_not_taken_for_it(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.replace(put(path.parent, "new", CONTENT), path)
    with pytest.raises(ChangedFileError) as raised:
        root_of(path.parent).check_contains(os.fspath(path), descriptor)
    os.close(descriptor)
    assert str(raised.value) == f"{path}: was replaced while it was opened"


def test_a_root_that_moves_during_the_check_is_a_change_and_no_link_out_of_it(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    current = tmp_path / "current"
    current.symlink_to(path.parent)
    put(tmp_path, "next/a.txt", CONTENT)
    real, looks = os.path.realpath, list[str]()

    def moving(location: str) -> str:
        looks.append(location)
        if len(looks) == 2:  # the root was looked at, the file was not yet
            current.unlink()
            current.symlink_to(tmp_path / "next")
        return str(real(location))

    monkeypatch.setattr("os.path.realpath", moving)
    with pytest.raises(ChangedFileError) as raised:
        checked(root_of(current), current / "a.txt")
    assert str(raised.value) == f"{current}/a.txt: was replaced while it was opened"


# The file


def test_a_file_has_its_digest_and_its_status(path: Path) -> None:
    found = inspect(os.fspath(path), root_of(path.parent), keep=100)
    assert (found.path, found.sha256) == (os.fspath(path), digest_of([CONTENT]))
    assert identify(found.status) == identify(path.stat())
    assert found.stored_files() == [
        StoredFile(os.fspath(path), 10, "identity", digest_of([CONTENT]), identify(path.stat()))
    ]


@pytest.mark.parametrize(("keep", "content"), [(11, CONTENT), (10, CONTENT), (9, None), (0, None)])
def test_content_is_kept_up_to_the_length_that_is_asked_for(
    path: Path, keep: int, content: bytes | None
) -> None:
    assert inspect(os.fspath(path), root_of(path.parent), keep=keep).content == content


def test_content_of_several_blocks_is_kept_whole(tmp_path: Path) -> None:
    content = os.urandom(BLOCK_SIZE) + b"end"
    path = put(tmp_path, "a", content)
    assert inspect(os.fspath(path), root_of(tmp_path), keep=len(content)).content == content


@pytest.mark.parametrize(
    "change", [lambda path: path.write_bytes(b"x" * 11), lambda path: os.utime(path, (1, 1))]
)
def test_a_file_that_changes_while_it_is_read_is_named(
    change: Callable[[Path], None], path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reading(chunks: Any) -> str:
        digest = digest_of(chunks)
        change(path)
        return digest

    monkeypatch.setattr("hashserve.serve.inspection.digest_of", reading)
    with pytest.raises(ChangedFileError) as raised:
        inspect(os.fspath(path), root_of(path.parent), keep=0)
    assert str(raised.value) == f"{path}: changed while it was read"


def test_a_file_that_is_longer_than_its_status_says_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashserve.serve.inspection.identify", lambda _: ())
    monkeypatch.setattr("hashserve.serve.inspection.digest_of", lambda _: "")  # nothing is read
    with pytest.raises(ChangedFileError):
        inspect(os.fspath(path), root_of(path.parent), keep=0)


def test_an_inspection_leaves_no_descriptor_open(path: Path) -> None:
    put(path.parent, "a.txt.br", brotli.compress(CONTENT))
    put(path.parent, "a.txt.gz", b"damaged")
    free = os.dup(0)
    os.close(free)
    inspect(os.fspath(path), root_of(path.parent), keep=0)
    after = os.dup(0)
    os.close(after)
    assert after == free


# Variants


def test_a_variant_that_decodes_to_the_file_is_stored_next_to_it(path: Path) -> None:
    variant = put(path.parent, "a.txt.gz", gzip.compress(CONTENT))
    found = inspect(os.fspath(path), root_of(path.parent), keep=0)
    status = variant.stat()
    _, stored = found.stored_files()
    assert stored == StoredFile(
        os.fspath(variant), status.st_size, "gzip", digest_of([CONTENT]), identify(status)
    )


def test_each_coding_may_have_a_variant(path: Path) -> None:
    put(path.parent, "a.txt.br", brotli.compress(CONTENT))
    put(path.parent, "a.txt.gz", gzip.compress(CONTENT))
    assert found_variants(path) == ["br", "gzip"]


@pytest.mark.parametrize("body", [brotli.compress(b"other"), brotli.compress(CONTENT)[:-1], b""])
def test_a_variant_that_does_not_decode_to_the_file_is_left_out_alone(path: Path, body: bytes) -> None:
    put(path.parent, "a.txt.br", body)
    put(path.parent, "a.txt.gz", gzip.compress(CONTENT))
    assert found_variants(path) == ["gzip"]


@pytest.mark.parametrize(("seconds", "variants"), [(-1, []), (0, ["gzip"]), (1, ["gzip"])])
def test_a_variant_is_used_unless_it_is_older_than_its_file(
    path: Path, seconds: int, variants: list[str]
) -> None:
    variant = put(path.parent, "a.txt.gz", gzip.compress(CONTENT))
    os.utime(path, (1000, 1000))
    os.utime(variant, (1000 + seconds, 1000 + seconds))
    assert found_variants(path) == variants


def test_a_variant_that_is_a_link_out_of_the_root_is_left_out(path: Path, tmp_path: Path) -> None:
    (path.parent / "a.txt.gz").symlink_to(put(tmp_path, "elsewhere", gzip.compress(CONTENT)))
    assert found_variants(path) == []
    assert found_variants(path, root=root_of(path.parent, follow_symlinks=True)) == ["gzip"]


@pytest.mark.parametrize(
    ("number", "raises"), [(errno.EMFILE, True), (errno.EIO, False), (errno.EACCES, False)]
)
def test_only_a_shortage_of_the_machine_makes_a_variant_an_error(
    path: Path, number: int, raises: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for suffix, body in ((".br", brotli.compress(CONTENT)), (".gz", gzip.compress(CONTENT))):
        put(path.parent, f"a.txt{suffix}", body)
    real_open = os.open

    def opening(location: str, *arguments: Any) -> int:
        if location.endswith(".br"):
            raise OSError(number, "x")
        return real_open(location, *arguments)

    monkeypatch.setattr("os.open", opening)
    if raises:
        with pytest.raises(OSError, match=r"^\[Errno"):
            found_variants(path)
    else:
        assert found_variants(path) == ["gzip"]


# What is watched


def watched(path: Path) -> Watched:
    return Watched(os.fspath(path), identify(path.stat()), variant_identities(os.fspath(path)))


def test_the_identities_of_variants_stand_in_the_order_of_the_codings(path: Path) -> None:
    variant = put(path.parent, "a.txt.gz", b"whatever")
    (path.parent / "a.txt.zst").mkdir()
    assert variant_identities(os.fspath(path)) == (None, identify(variant.stat()), None)


def test_files_that_stay_as_they_are_are_unchanged(path: Path) -> None:
    put(path.parent, "a.txt.gz", b"whatever")
    known = watched(path)
    (path.parent / "a.txt.br").mkdir()  # no variant either
    assert known.is_unchanged()


CHANGES: list[Callable[[Path], object]] = [
    lambda path: put(path.parent, "a.txt", CONTENT, age=3600),
    lambda path: path.unlink(),
    lambda path: put(path.parent, "a.txt.gz", b"whatever", age=3600),
    lambda path: os.unlink(f"{path}.gz"),
    lambda path: put(path.parent, "a.txt.br", b"new"),
    lambda path: put(path.parent, "a.txt.zst", b"new"),
]


@pytest.mark.parametrize(
    "change", CHANGES, ids=["touched", "gone", "variant-touched", "variant-gone", "first-comes", "last-comes"]
)
def test_a_change_of_the_file_or_of_a_variant_is_seen(change: Callable[[Path], object], path: Path) -> None:
    put(path.parent, "a.txt.gz", b"whatever")
    known = watched(path)
    change(path)
    assert not known.is_unchanged()
