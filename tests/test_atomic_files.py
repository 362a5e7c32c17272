from __future__ import annotations

import itertools
import os
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hashserve.atomic_files import TEMPORARY_PREFIX, sync_directory, write_atomically

OLD = b"old" * 1000
durable_or_not = pytest.mark.parametrize("durable", [False, True])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with old content, alone in its folder."""
    path = tmp_path / "file"
    path.write_bytes(OLD)
    return path


def names_beside(path: Path) -> list[str]:
    return sorted(os.listdir(path.parent))


@durable_or_not
def test_a_file_appears_with_all_its_chunks(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "new"
    write_atomically(str(path), [b"a", b"", b"b" * 100_000], durable=durable)
    assert path.read_bytes() == b"a" + b"b" * 100_000
    assert names_beside(path) == ["new"]


@durable_or_not
def test_a_file_is_replaced(path: Path, durable: bool) -> None:
    write_atomically(str(path), [b"new"], durable=durable)
    assert path.read_bytes() == b"new"
    assert names_beside(path) == ["file"]


def test_a_name_without_a_folder_is_in_the_current_folder(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    write_atomically("file", [b"new"], durable=True)
    assert path.read_bytes() == b"new"


def test_readers_see_the_old_bytes_until_all_chunks_are_written(path: Path) -> None:
    seen = []

    def chunks() -> Iterator[bytes]:
        for _ in range(3):
            seen.append((path.read_bytes(), names_beside(path)))
            yield b"new" * 100_000

    write_atomically(str(path), chunks())
    for content, names in seen:
        assert content == OLD
        temporary, file = names
        assert file == "file"
        assert temporary.startswith(TEMPORARY_PREFIX)
        assert temporary.startswith("."), "no server serves a dotfile"


def test_the_temporary_file_can_be_in_another_folder(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    seen = []

    def chunks() -> Iterator[bytes]:
        seen.append((names_beside(path), len(os.listdir(elsewhere))))
        yield b"new"

    write_atomically(str(path), chunks(), temporary_directory=str(elsewhere))
    assert seen == [(["elsewhere", "file"], 1)]
    assert path.read_bytes() == b"new"
    assert os.listdir(elsewhere) == []


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
@pytest.mark.parametrize("mode", [0o644, 0o600, 0o640])
def test_the_mode_of_a_file_does_not_depend_on_the_umask(path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_atomically(str(path), [b"new"], mode=mode)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize(("umask", "mode"), [(0o000, 0o666), (0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_without_a_mode_the_umask_decides_who_may_read_a_file(path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_atomically(str(path), [b"new"])
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt, GeneratorExit])
def test_chunks_that_fail_leave_the_old_file_and_no_other(path: Path, error: type[BaseException]) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"new"
        raise error

    with pytest.raises(error):
        write_atomically(str(path), chunks())
    assert path.read_bytes() == OLD
    assert names_beside(path) == ["file"]


def test_a_rename_that_fails_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_atomically(str(tmp_path / "folder"), [b"new"])
    assert os.listdir(tmp_path) == ["folder"]


def test_a_temporary_file_that_is_gone_does_not_hide_the_first_error(path: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"new"
        for name in set(names_beside(path)) - {"file"}:
            (path.parent / name).unlink()

    with pytest.raises(FileNotFoundError):
        write_atomically(str(path), chunks())
    assert path.read_bytes() == OLD


def test_writing_into_a_missing_folder_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_atomically(str(tmp_path / "none" / "file"), [b"new"])
    assert os.listdir(tmp_path) == []


def test_a_symlink_is_replaced_and_not_followed(path: Path) -> None:
    link = path.parent / "link"
    link.symlink_to(path)
    write_atomically(str(link), [b"new"])
    assert not link.is_symlink()
    assert (path.read_bytes(), link.read_bytes()) == (OLD, b"new")


def test_a_reader_keeps_the_old_bytes(path: Path) -> None:
    with path.open("rb") as stream:
        write_atomically(str(path), [b"new"])
        assert stream.read() == OLD


def run(code: str, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def test_a_full_disk_leaves_the_old_file_and_no_other(path: Path) -> None:
    pytest.importorskip("resource")
    code = """
        import resource, sys
        from hashserve.atomic_files import write_atomically
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
        try:
            write_atomically(sys.argv[1], [b"new" * 1000] * 10, durable=True)
        except OSError as error:
            print(error.errno, flush=True)
    """
    with run(code, str(path)) as child:
        output, _ = child.communicate(timeout=60)
    assert output.strip().isdigit()
    assert path.read_bytes() == OLD
    assert names_beside(path) == ["file"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs a signal that nobody can catch")
def test_a_writer_that_is_killed_leaves_the_old_file(path: Path) -> None:
    code = """
        import sys, time
        from hashserve.atomic_files import write_atomically
        def chunks():
            yield b"new" * 100_000
            print("written", flush=True)
            time.sleep(600)
        write_atomically(sys.argv[1], chunks(), durable=True)
    """
    with run(code, str(path)) as child:
        assert child.stdout is not None
        assert child.stdout.readline().strip() == b"written"
        child.kill()
    assert path.read_bytes() == OLD
    assert all(name == "file" or name.startswith(TEMPORARY_PREFIX) for name in names_beside(path))


def test_the_file_reaches_the_disk_before_its_name_and_its_name_before_the_return(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A stand-in, because only a power failure shows what an fsync does.
    events = []
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        events.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_fsync(descriptor)

    def replace(source: str, target: str) -> None:
        events.append("rename")
        real_replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", replace)
    write_atomically(str(path), [b"new"], durable=True)
    assert events == ["file", "rename", "folder"]
    events.clear()
    write_atomically(str(path), [b"new"])
    assert events == ["rename"]


def test_a_file_that_a_killed_writer_left_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In containers, all writers have the same process id and the same first number.
    left = [tmp_path / f"{TEMPORARY_PREFIX}{os.getpid()}-{number}" for number in range(3)]
    for location in left:
        location.write_bytes(b"half")
    monkeypatch.setattr("hashserve.atomic_files._numbers", itertools.count())
    write_atomically(str(tmp_path / "file"), [b"new"])
    assert (tmp_path / "file").read_bytes() == b"new"
    assert [location.read_bytes() for location in left] == [b"half"] * 3


def test_threads_that_write_at_once_do_not_mix_their_files(tmp_path: Path) -> None:
    def write(number: int) -> None:
        write_atomically(str(tmp_path / str(number)), [b"%d;" % number] * 100)

    with ThreadPoolExecutor(8) as executor:
        list(executor.map(write, range(400)))
    assert {int(name) for name in os.listdir(tmp_path)} == set(range(400))
    assert all((tmp_path / str(number)).read_bytes() == b"%d;" % number * 100 for number in range(400))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that share what they were")
def test_a_process_and_its_fork_that_write_at_once_do_not_mix_their_files(tmp_path: Path) -> None:
    code = """
        import os, sys
        from hashserve.atomic_files import write_atomically
        child = os.fork()
        for number in range(200):
            write_atomically(f"{sys.argv[1]}/{'child' if not child else 'parent'}", [b"x" * 100_000])
        if child:
            sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    with run(code, str(tmp_path)) as process:
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert sorted(os.listdir(tmp_path)) == ["child", "parent"]


def test_the_rest_of_a_chunk_is_written_after_a_short_write(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A stand-in, because Linux writes less than it is given only above 2 GB.
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, chunk: real_write(descriptor, chunk[:7]))
    write_atomically(str(path), [b"0123456789" * 5, b"", b"end"])
    assert path.read_bytes() == b"0123456789" * 5 + b"end"


def test_a_folder_that_cannot_be_synced_is_not_an_error(tmp_path: Path) -> None:
    sync_directory(str(tmp_path))
    sync_directory(str(tmp_path / "none"))
    sync_directory("/proc")  # a file system that cannot sync
