"""What fails on real machines: each failure has a clear error or report, and leaves no half release."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hashserve import BuildError, HashServe, SettingError, SourceError
from hashserve.builder import BuildSettings, build
from hashserve.builder.output.folder import open_output
from hashserve.builder.sources import scanner
from hashserve.builder.sources.tree import SourceFile
from tests.support.building import (
    TEXT,
    command,
    manifest_of,
    put_texts,
    run,
    snapshot,
    temporaries,
    wrong_files,
)
from tests.support.client import request, wrapped_application
from tests.support.files import put
from tests.support.parts import missing

NOBODY = 65534


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return put_texts(tmp_path / "source")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def assert_untouched(out: Path, before: dict[str, tuple[int, int]]) -> None:
    """Whether the release in force is unchanged: each file, its name and its bytes."""
    after = snapshot(out)
    assert {path: after.get(path) for path in before} == before
    assert not wrong_files(out)
    assert not temporaries(out)


def published(out: Path) -> dict[str, tuple[int, int]]:
    """Return a snapshot of the files of the release in force, with its manifest."""
    paths = manifest_of(out).paths
    needed = {"staticfiles.json", *paths, *paths.values()}
    return {path: seen for path, seen in snapshot(out).items() if path.removesuffix(".br") in needed}


# Disks and folders


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=640k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        missing("a small disk cannot be mounted here: that takes root")
    yield folder
    gc.collect()  # a generator in the traceback of an error may have a file open yet
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_named_and_leaves_the_release_in_force(source: Path, small_disk: Path) -> None:
    out = small_disk / "out"
    build(source, out)
    before = published(out)
    put(source, "a.txt", TEXT + b"changed")
    put(source, "noise.bin", os.urandom(500_000))
    told = run("build", source, "--out", out)
    assert told.returncode == 1
    assert "No space left on device; free some space" in told.stderr
    assert "Traceback" not in told.stderr
    assert_untouched(out, before)


@pytest.mark.parametrize("size", [100_000, 150_000, 200_000, 250_000, 300_000])
def test_a_disk_that_fills_at_any_step_changes_no_name_of_the_release_in_force(
    source: Path, small_disk: Path, size: int
) -> None:
    """The sizes fill it while fingerprinted files are written, and while unhashed ones are staged."""
    out = small_disk / "out"
    build(source, out)
    before = published(out)
    put(source, "a.txt", TEXT + b"changed")
    put(source, "noise-1.bin", os.urandom(size))
    put(source, "noise-2.bin", os.urandom(size))
    try:
        build(source, out, BuildSettings(codings=()))
    except BuildError:
        assert_untouched(out, before)
    else:
        assert not wrong_files(out)
    assert not temporaries(out)


def test_a_disk_that_fills_while_a_delta_is_written_leaves_the_release_in_force(
    source: Path, small_disk: Path
) -> None:
    out = small_disk / "out"
    same = os.urandom(14_000).hex().encode()
    for _ in range(2):
        put(source, "large.js", same + os.urandom(8_000).hex().encode())
        build(source, out)
    assert manifest_of(out).deltas
    before = published(out)
    put(source, "large.js", same + os.urandom(8_000).hex().encode())
    free = os.statvfs(small_disk)
    # Room for the file, its variants and half of a delta; files under their own names come after that.
    put(small_disk, "filler", bytes(free.f_bavail * free.f_bsize - 110_000))
    with pytest.raises(BuildError, match=r"\.dcz: cannot be written: No space left on device"):
        build(source, out)
    assert_untouched(out, before)
    (small_disk / "filler").unlink()
    build(source, out)
    assert len(manifest_of(out).deltas or {}) == 2
    assert not wrong_files(out)


def test_a_full_disk_under_a_large_variant_is_a_clear_error_too(
    source: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashserve.builder.compression.variants.KEPT_IN_MEMORY", 10)
    put(source, "big.txt", b"".join(b"%d\n" % number for number in range(80_000)))
    put(source, "noise.bin", os.urandom(120_000))
    with pytest.raises(BuildError, match="No space left on device"):
        build(source, small_disk / "out", BuildSettings(codings=("gzip",)))
    assert not temporaries(small_disk / "out")


_AS_NOBODY = f"""
import os, sys
import hashserve.builder.references.finder  # what is imported later may lie where nobody may read
from hashserve.cli.main import main
if os.geteuid() == 0:
    os.setgroups([])
    os.setegid({NOBODY})
    os.seteuid({NOBODY})
sys.exit(main(sys.argv[1:]))
"""


def run_as_nobody(*arguments: str | os.PathLike[str]) -> subprocess.CompletedProcess[str]:
    """Run ``hashserve`` as a user for whom permissions count; for root they do not."""
    return subprocess.run(
        [sys.executable, "-c", _AS_NOBODY, *arguments], capture_output=True, text=True, check=False
    )


@pytest.fixture
def common(tmp_path: Path) -> Iterator[Path]:
    """A folder with a source that every user can reach and write to, unlike the folders of pytest."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o777)
        put(folder / "source", "a.txt", TEXT)
        yield folder


def test_an_output_that_cannot_be_written_is_named(common: Path) -> None:
    out = common / "out"
    build(common / "source", out)
    before = published(out)
    for path in (out / ".hashserve/lock", out / ".hashserve/temporary", out / ".hashserve", out):
        path.chmod(0o555)
    told = run_as_nobody("build", common / "source", "--out", out)
    out.chmod(0o755)
    assert told.returncode == 1
    assert "cannot be written: Permission denied; check the permissions" in told.stderr
    assert "Traceback" not in told.stderr
    assert_untouched(out, before)


def test_a_read_only_file_system_is_named(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    build(source, out)
    before = published(out)
    mounts = (["--bind"], ["-o", "remount,ro,bind"])
    for options in mounts:
        if subprocess.run(["mount", *options, out, out], capture_output=True, check=False).returncode:
            missing("a folder cannot be mounted read-only here: that takes root")
    try:
        with pytest.raises(BuildError, match="Read-only file system; choose a folder that can be written"):
            build(source, out)
        assert published(out) == before
    finally:
        subprocess.run(["umount", out], check=True)


def test_two_builds_at_once_are_told_apart(source: Path, out: Path) -> None:
    build(source, out)
    before = snapshot(out)
    with open_output(str(out)):
        told = run("build", source, "--out", out)
        pruned = run("prune", out)
    assert told.returncode == pruned.returncode == 1
    assert told.stderr.endswith("another build is writing to it; build again when it is done\n")
    assert snapshot(out) == before


@pytest.mark.parametrize(("a", "b"), [("tree", "tree"), ("tree", "tree/out"), ("tree/source", "tree")])
def test_a_source_and_an_output_within_each_other_are_refused(tmp_path: Path, a: str, b: str) -> None:
    put(tmp_path / a, "a.txt", TEXT)
    with pytest.raises(SettingError, match="overlaps the source"):
        build(tmp_path / a, tmp_path / b)
    assert not (tmp_path / b / ".hashserve").exists()


def test_an_output_that_is_a_link_into_the_source_is_refused(source: Path, out: Path) -> None:
    out.symlink_to(source / "css")
    with pytest.raises(SettingError, match="overlaps"):
        build(source, out)


def test_any_name_will_do_for_the_folders(tmp_path: Path) -> None:
    source, out = tmp_path / "quellen über allem", tmp_path / "aus gabe «é»\n"
    put(source, "a.txt", TEXT)
    build(source, out)
    assert not wrong_files(out)
    assert request(HashServe(wrapped_application, root=out), "/static/a.txt").body == TEXT


# Sources that change during a build


def changing(monkeypatch: pytest.MonkeyPatch, change: object) -> None:
    """Call ``change`` between the first and the second reading of the source."""
    original = scanner.Scanner.scan

    def scan_and_change(
        self: scanner.Scanner, file: SourceFile, *, is_kept: bool = False
    ) -> scanner.ScannedFile:
        scanned = original(self, file, is_kept=is_kept)
        if file.logical_path == "img/dot.svg":
            assert callable(change)
            change()
        return scanned

    monkeypatch.setattr(scanner.Scanner, "scan", scan_and_change)


@pytest.mark.parametrize("path", ["a.txt", "css/app.css"])
@pytest.mark.parametrize("content", [b"x" * 1100, b"", None], ids=["changed", "shrunk", "vanished"])
def test_a_source_file_that_is_not_as_it_was_scanned_stops_the_build(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch, path: str, content: bytes | None
) -> None:
    build(source, out)
    before = published(out)
    put(source, path, b"/* another release */" * 20)

    def change() -> None:
        if content is None:
            (source / path).unlink()
        else:
            put(source, path, content)

    changing(monkeypatch, change)
    what = "disappeared" if content is None else "changed"
    with pytest.raises(SourceError, match=f"{path}: {what} during the build"):
        build(source, out)
    assert_untouched(out, before)


def test_a_folder_that_vanishes_during_the_walk_is_named(tmp_path: Path, out: Path) -> None:
    with pytest.raises(SourceError, match="is not a folder; name the folder"):
        build(tmp_path / "gone", out)


def test_a_source_that_is_a_file_is_named(tmp_path: Path, out: Path) -> None:
    with pytest.raises(SourceError, match=r"a\.txt: is not a folder"):
        build(put(tmp_path, "a.txt", TEXT), out)


def test_an_empty_source_is_named(tmp_path: Path, out: Path) -> None:
    (tmp_path / "source").mkdir()
    with pytest.raises(BuildError, match="holds no files"):
        build(tmp_path / "source", out)


@pytest.mark.parametrize("name", ["empty", "missing", "source"])
def test_a_source_that_cannot_be_built_leaves_no_trace(source: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    sources = [tmp_path / "missing", source] if name == "source" else [tmp_path / name]
    for out in (tmp_path / "none", tmp_path / "some"):
        if out.name == "some":
            out.mkdir()
        with pytest.raises(SourceError):
            build(sources, out)
    assert not (tmp_path / "none").exists()
    assert list((tmp_path / "some").iterdir()) == []


def test_a_source_that_may_not_be_read_is_named(common: Path) -> None:
    put(common / "source", "secret.txt", TEXT).chmod(0)
    told = run_as_nobody("build", common / "source", "--out", common / "out")
    assert told.returncode == 1
    assert "secret.txt: cannot be read: Permission denied; check its permissions, or ignore it" in told.stderr
    assert not (common / "out/staticfiles.json").exists()


def test_a_folder_that_may_not_be_listed_is_named(common: Path) -> None:
    put(common / "source", "secret/a.txt", TEXT).parent.chmod(0)
    told = run_as_nobody("build", common / "source", "--out", common / "out")
    (common / "source/secret").chmod(0o755)
    assert told.returncode == 1
    assert "secret: cannot be listed: Permission denied" in told.stderr


# Names


@pytest.mark.parametrize("path", [b"a\xff.txt", b"folder\xff/a.txt", b"link\xff"])
def test_a_name_that_is_not_utf_8_is_named_with_its_bytes(source: Path, out: Path, path: bytes) -> None:
    try:
        if path.startswith(b"link"):
            os.symlink(b"nowhere", os.path.join(os.fsencode(source), path))
        else:
            put(source, os.fsdecode(path), TEXT)
    except OSError:
        missing("a file system that takes names of any bytes")
    told = run("build", source, "--out", out)
    assert told.returncode == 1
    assert r"\udcff" in told.stderr
    assert "has a name that is not UTF-8; rename it" in told.stderr
    assert "Traceback" not in told.stderr


def test_folders_whose_names_are_not_utf_8_do_no_harm_above_the_source(tmp_path: Path) -> None:
    above = tmp_path / os.fsdecode(b"above\xff")
    try:
        put(above / "source", "a.css", b"a { background: url(gone.png) }")
    except OSError:
        missing("a file system that takes names of any bytes")
    told = run("build", above / "source", "--out", above / "out")
    assert told.returncode == 0, told.stderr
    assert "gone.png" in told.stdout
    assert run("build", above / "source", "--out", above / "out", "--json").returncode == 0


@pytest.mark.parametrize("name", ["back\\slash.txt", "line\nbreak.txt", "back\\slash/a.txt"])
def test_a_name_that_no_manifest_can_hold_is_left_out_and_reported(
    source: Path, out: Path, name: str
) -> None:
    put(source, name, TEXT)
    [finding] = build(source, out).warnings
    assert (finding.kind, finding.path) == ("skipped", str(source / name.partition("/")[0]))
    assert "which no manifest can hold; rename it" in finding.message
    assert manifest_of(out).paths.keys() == {"css/app.css", "img/dot.svg", "a.txt"}


# Kinds of files


def test_empty_and_tiny_files_are_published_without_variants(source: Path, out: Path) -> None:
    for path, content in {"empty.css": b"", "one.css": b"a", "empty.bin": b""}.items():
        put(source, path, content)
    build(source, out)
    paths = manifest_of(out).paths
    assert (out / paths["empty.css"]).read_bytes() == b""
    assert (out / paths["one.css"]).read_bytes() == b"a"
    assert not list(out.glob("empty*.br"))
    assert not wrong_files(out)
    assert request(HashServe(wrapped_application, root=out), f"/static/{paths['empty.css']}").body == b""


def test_links_are_followed_and_loops_and_broken_ones_are_reported(source: Path, out: Path) -> None:
    (source / "loop").symlink_to(source, target_is_directory=True)
    (source / "self").symlink_to("self")
    (source / "broken").symlink_to("nowhere")
    (source / "good.txt").symlink_to("a.txt")
    report = build(source, out)
    told = {Path(finding.path).name: finding.message for finding in report.warnings}
    assert told == {
        "loop": "is left out: this link leads back to a folder around it",
        "self": "is left out: this link leads to itself",
        "broken": "is left out: this link leads nowhere",
    }
    assert (out / "good.txt").read_bytes() == TEXT
    assert not (out / "good.txt").is_symlink()


def test_a_link_out_of_the_tree_is_followed_if_asked_for_and_its_content_copied(
    source: Path, out: Path, tmp_path: Path
) -> None:
    put(tmp_path / "elsewhere", "b.txt", TEXT + b"b")
    (source / "linked").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (source / "b.txt").symlink_to(tmp_path / "elsewhere/b.txt")
    build(source, out, follow_symlinks=True)
    assert (out / "linked/b.txt").read_bytes() == (out / "b.txt").read_bytes() == TEXT + b"b"
    assert not (out / "linked").is_symlink()


def test_what_is_no_regular_file_is_reported_and_left_out(source: Path, out: Path, tmp_path: Path) -> None:
    os.mkfifo(source / "pipe.css")
    listener = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(source)  # the path of a socket may have 100 bytes
    try:
        listener.bind("socket.css")
    finally:
        os.chdir(here)
        listener.close()
    report = build(source, out)
    assert {(Path(finding.path).name, finding.message) for finding in report.warnings} == {
        ("pipe.css", "is left out: it is not a regular file"),
        ("socket.css", "is left out: it is not a regular file"),
    }


# Names that mean something in the output


def test_a_file_that_is_named_as_the_manifest_is_not_published(source: Path, out: Path) -> None:
    put(source, "staticfiles.json", b'{"paths": {}}')
    put(source, "deep/staticfiles.json", b"{}")
    build(source, out)
    assert manifest_of(out).paths.keys() == {"a.txt", "css/app.css", "img/dot.svg", "deep/staticfiles.json"}


def test_a_source_file_that_is_named_as_anothers_fingerprinted_form_is_refused(
    source: Path, out: Path
) -> None:
    build(source, out)
    put(source, manifest_of(out).paths["a.txt"], b"something else")
    before = published(out)
    with pytest.raises(SourceError, match="rename it in the source"):
        build(source, out)
    assert_untouched(out, before)


def test_a_copy_under_the_fingerprinted_name_is_no_matter(source: Path, out: Path) -> None:
    build(source, out)
    path = manifest_of(out).paths["a.txt"]
    put(source, path, TEXT)
    build(source, out)
    assert (out / path).read_bytes() == TEXT
    assert not wrong_files(out)


# Signals


@pytest.mark.parametrize(("number", "word"), [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")])
def test_a_signal_ends_the_build_in_order(source: Path, out: Path, number: int, word: str) -> None:
    build(source, out)
    before = published(out)
    noise = "".join(f"{index * 7919 % 10_007} " for index in range(2_000_000))
    put(source, "large.txt", noise.encode())
    process = subprocess.Popen(command("build", source, "--out", out), stderr=subprocess.PIPE, text=True)
    while not list(out.glob("large.*.txt")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    _, told = process.communicate(timeout=120)
    assert told == f"hashserve: {word}; the release in force is complete\n"
    assert process.returncode == 128 + number
    assert_untouched(out, before)


def test_a_build_in_a_thread_can_be_run_by_the_command_line_too(source: Path, out: Path) -> None:
    code = (
        "import sys, threading; from hashserve.cli.main import main; codes = [];"
        "thread = threading.Thread(target=lambda: codes.append(main(sys.argv[1:])));"
        "thread.start(); thread.join(); sys.exit(codes[0])"
    )
    subprocess.run(
        [sys.executable, "-c", code, "build", source, "--out", out, "--quiet"], check=True, timeout=120
    )
    assert not wrong_files(out)


# Sizes

_PEAK = """
import resource, sys
from hashserve.builder import build
build(sys.argv[1], sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def peak_megabytes(tmp_path: Path, name: str, megabytes: int) -> int:
    """Build a file of this many MB, which compresses well and fast; return the peak memory of the process."""
    block = b"".join(b"line %d of something\n" % (number % 5000) for number in range(50_000))[: 1 << 20]
    location = put(tmp_path / name, "large.txt", b"")
    with open(location, "wb") as stream:
        stream.writelines(block for _ in range(megabytes))
    told = subprocess.run(
        [sys.executable, "-c", _PEAK, tmp_path / name, tmp_path / f"{name}-out"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert not wrong_files(tmp_path / f"{name}-out")
    return int(told.stdout)


def test_a_hundred_megabytes_take_no_more_memory_than_forty(tmp_path: Path) -> None:
    """Above both sizes, brotli's window and memory do not grow any more."""
    if sys.platform != "linux":
        missing("the unit of ru_maxrss is known on Linux alone")
    assert peak_megabytes(tmp_path, "hundred", 100) < peak_megabytes(tmp_path, "forty", 40) + 30
