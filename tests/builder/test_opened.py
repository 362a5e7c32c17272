"""Source files as they are opened: what is swapped while the build runs."""

from __future__ import annotations

import os
import socket
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hashserve import SourceError
from hashserve.builder import build
from hashserve.builder.chunks import BLOCK_SIZE
from hashserve.builder.naming.fingerprinter import Fingerprinter
from hashserve.builder.sources.opened import read_source, real_roots_of
from hashserve.builder.sources.scanner import LARGEST_READ, Scanner
from hashserve.builder.sources.tree import SourceFile
from tests.support.files import put


@pytest.fixture(params=["with /proc", "without /proc"], autouse=True)
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test on a system that knows where an open file is, and on one that does not."""
    if request.param == "without /proc":
        monkeypatch.setattr(os, "readlink", lambda path, readlink=os.readlink: _refused(path, readlink))


def _refused(path: str, readlink: Callable[[str], str]) -> str:
    if str(path).startswith("/proc/"):
        raise FileNotFoundError(2, "no such file", path)
    return readlink(path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    put(folder, "a.css", b"a {}")
    put(folder, "sub/b.txt", b"text")
    put(tmp_path, "outside/secret.txt", b"secret")
    return folder


def read(path: Path, root: Path | None) -> bytes:
    return b"".join(read_source(str(path), None if root is None else real_roots_of([str(root)])))


def test_a_file_of_any_size_is_read_to_its_end(source: Path) -> None:
    for size in (0, 1, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1, 2 * BLOCK_SIZE):
        path = put(source, "file", os.urandom(size))
        assert read(path, source) == path.read_bytes()


def test_a_file_that_became_a_link_out_of_the_source_is_not_read(source: Path, tmp_path: Path) -> None:
    (source / "sub/b.txt").unlink()
    (source / "sub/b.txt").symlink_to(tmp_path / "outside/secret.txt")
    with pytest.raises(SourceError, match=r"b.txt: was replaced during the build; build again"):
        read(source / "sub/b.txt", source)
    assert read(source / "sub/b.txt", None) == b"secret"


def test_a_folder_that_became_a_link_out_of_the_source_is_not_read(source: Path, tmp_path: Path) -> None:
    (source / "sub").rename(source / "old")
    put(tmp_path, "outside/b.txt", b"secret")
    (source / "sub").symlink_to(tmp_path / "outside")
    with pytest.raises(SourceError, match="was replaced during the build"):
        read(source / "sub/b.txt", source)


def test_a_link_that_is_switched_back_after_the_opening_is_noticed(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = source / "link.txt"
    link.symlink_to(tmp_path / "outside/secret.txt")
    realpath = os.path.realpath

    def switched(path: str, **options: Any) -> str:
        link.unlink()
        link.symlink_to(source / "sub/b.txt")
        return realpath(path, **options)

    real_roots = real_roots_of([str(source)])
    monkeypatch.setattr(os.path, "realpath", switched)
    with pytest.raises(SourceError, match="was replaced during the build"):
        list(read_source(str(link), real_roots))


def test_a_fifo_a_socket_or_a_device_blocks_no_build(source: Path) -> None:
    os.mkfifo(source / "fifo")
    with pytest.raises(SourceError, match="fifo: is not a regular file any more"):
        read(source / "fifo", source)
    with pytest.raises(SourceError, match="is not a regular file any more"):
        read(Path("/dev/zero"), None)
    with socket.socket(socket.AF_UNIX) as server:
        folder = os.getcwd()
        os.chdir(source)  # the path of a socket is short
        try:
            server.bind("socket")
        finally:
            os.chdir(folder)
        report = build(source, source.parent / "out")
    assert [finding.message for finding in report.findings] == ["is left out: it is not a regular file"] * 2


@pytest.mark.parametrize("size", [0, 10, BLOCK_SIZE, 3 * BLOCK_SIZE])
def test_a_file_that_grows_while_it_is_read_is_not_read_to_its_end(source: Path, size: int) -> None:
    path = put(source, "log.txt", b"x" * size)
    read_bytes: list[int] = []
    with open(path, "ab") as stream:
        chunks = growing(stream, read_source(str(path), real_roots_of([str(source)])))
        with pytest.raises(SourceError, match=r"log.txt: grew while it was read; build again"):
            read_bytes.extend(map(len, chunks))
    assert sum(read_bytes) <= size


def growing(stream: Any, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield ``chunks``; the file gets longer before each of them is read."""
    iterator = iter(chunks)
    with pytest.MonkeyPatch.context() as patch:
        fstat = os.fstat

        def grown(descriptor: int) -> os.stat_result:
            status = fstat(descriptor)
            stream.write(b"y" * 1000)
            stream.flush()
            return status

        patch.setattr(os, "fstat", grown)
        yield from iterator


def test_a_link_out_of_the_sources_is_left_out_and_reported(source: Path, tmp_path: Path) -> None:
    (source / "secret.txt").symlink_to(tmp_path / "outside/secret.txt")
    (source / "folder").symlink_to(tmp_path / "outside")
    (source / "up").symlink_to("..")
    (source / "inside.txt").symlink_to("sub/b.txt")
    (source / "subfolder").symlink_to(source / "sub")
    report = build(source, tmp_path / "out")
    kinds = {(finding.kind, os.path.basename(finding.path)) for finding in report.findings}
    assert kinds == {("skipped", "secret.txt"), ("skipped", "folder"), ("skipped", "up")}
    assert report.findings[0].message == (
        f"is left out: this link leads out of the source, to {os.path.realpath(tmp_path / 'outside')}; copy "
        "that into the source, or build with --follow-symlinks"
    )
    published = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not [path for path in published if b"secret" in path.read_bytes()]
    assert (tmp_path / "out/inside.txt").read_bytes() == b"text"
    assert (tmp_path / "out/subfolder/b.txt").read_bytes() == b"text"


def test_links_out_of_the_sources_are_published_if_asked_for(source: Path, tmp_path: Path) -> None:
    (source / "secret.txt").symlink_to(tmp_path / "outside/secret.txt")
    (source / "folder").symlink_to(tmp_path / "outside")
    assert build(source, tmp_path / "out", follow_symlinks=True).findings == []
    assert (tmp_path / "out/folder/secret.txt").read_bytes() == b"secret"


def test_a_source_may_be_a_link_and_links_may_lead_to_another_source(source: Path, tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(source)
    put(tmp_path / "other", "c.css", b"c {}")
    (source / "c.css").symlink_to(tmp_path / "other/c.css")
    report = build([tmp_path / "linked", tmp_path / "other"], tmp_path / "out")
    assert [finding.message.partition(":")[2] for finding in report.findings] == [
        f" {tmp_path / 'linked/c.css'} has the same path and comes first"
    ]
    assert (tmp_path / "out/c.css").read_bytes() == b"c {}"


def test_links_that_multiply_a_folder_without_end_are_an_error(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashserve.builder.sources.tree.MOST_ENTRIES", 10_000)
    for number in range(40):
        folder = source / f"{number:02}"
        folder.mkdir()
        for name in ("left", "right"):
            (folder / name).symlink_to(f"../{number + 1:02}")
    (source / "40").mkdir()
    with pytest.raises(SourceError, match="has over 10,000 files and folders; ignore folders"):
        build(source, tmp_path / "out")
    assert not (tmp_path / "out/staticfiles.json").exists()


def test_a_file_that_cannot_be_read_is_an_error_that_names_it(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_file = os.open

    def refused(path: Any, *arguments: Any, **options: Any) -> int:
        if os.fspath(path).endswith("a.css"):
            raise PermissionError(13, "Permission denied", path)
        return open_file(path, *arguments, **options)

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(SourceError, match=r"a\.css: cannot be read: Permission denied; check"):
        build(source, tmp_path / "out")


def test_a_huge_sparse_file_takes_no_memory(source: Path, tmp_path: Path) -> None:
    path = put(source, "large.css", b"")
    os.truncate(path, LARGEST_READ + 1)
    tracemalloc.start()
    try:
        scanned = Scanner(frozenset(), Fingerprinter(), prefix="/static/").scan(
            SourceFile(logical_path="large.css", location=str(path))
        )
        assert tracemalloc.get_traced_memory()[1] < 2 * LARGEST_READ
    finally:
        tracemalloc.stop()
    assert [finding.kind for finding in scanned.findings] == ["large"]
