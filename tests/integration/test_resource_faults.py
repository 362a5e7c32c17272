"""Missing resources and failing disks: a 404 or 503 that no cache stores, logged once.

``faults.c`` makes the disk fail: a library that the server loads before the C library. The server, its system
calls and its log are real.
"""

from __future__ import annotations

import errno
import os
import re
import resource
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.files import put
from tests.support.parts import missing, require_tool
from tests.support.served_root import RawConnection, RawResponse, ServedRoot, get
from tests.support.services import running
from tests.support.trees import POEM, STYLES, TEN, BuiltTree, wait_for_tick
from tests.support.waiting import wait_until

pytestmark = pytest.mark.real

LARGE = bytes(range(256)) * 8192
FROM_DISK = {"body_budget": 0, "check_interval": 0.05}
"""Settings with which each request reads from disk."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the fault injector."""
    if sys.platform != "linux":
        missing("faults.c needs LD_PRELOAD and the error numbers of Linux")
    built = tmp_path_factory.mktemp("faults") / "faults.so"
    source = Path(__file__).with_name("faults.c")
    options = ("-shared", "-fPIC", "-Wall", "-Wextra", "-Werror")
    subprocess.run([require_tool("gcc"), *options, "-o", str(built), str(source), "-ldl"], check=True)
    return built


@pytest.fixture
def tree(tmp_path: Path) -> BuiltTree:
    tree = BuiltTree(str(tmp_path / "root"))
    tree.add("ten.txt", TEN)
    tree.add("css/styles.css", STYLES, variants=True)
    tree.add("large.bin", LARGE)
    tree.publish()
    return tree


class FaultyServer:
    """A server whose disk fails when a test wants it."""

    def __init__(self, server: ServedRoot, control: Path) -> None:
        self.server = server
        self._control = control
        self._connection = RawConnection(server.port)

    def ask(self, path: str, **fields: str) -> RawResponse:
        """Send a GET; ``path`` is below the prefix."""
        return self._connection.ask(get(f"/static/{path}", **fields))

    @contextmanager
    def failing(self, calls: str, number: int, ending: str) -> Iterator[None]:
        """Make these system calls fail with an error number for paths with this ending."""
        aside = self._control.with_suffix(".aside")
        aside.write_text(f"{calls} {number} {ending}", encoding="utf-8")
        aside.rename(self._control)
        try:
            yield
        finally:
            self._control.unlink()

    def log_lines(self) -> list[str]:
        """Return hashserve's lines in the log."""
        return [
            line for line in self.server.log_lines() if re.match("cannot|the new manifest|the manifest", line)
        ]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextmanager
def serving(tree: BuiltTree, library: Path, settings: Mapping[str, object]) -> Iterator[FaultyServer]:
    folder = Path(tree.root).parent / "server"
    control = folder / "control"
    variables = {"LD_PRELOAD": str(library), "FAULTS": str(control)}
    with running(ServedRoot(folder, tree.root, settings, variables)) as server:
        faulty = FaultyServer(server, control)
        try:
            yield faulty
        finally:
            faulty.close()


@pytest.fixture
def faulty(tree: BuiltTree, library: Path) -> Iterator[FaultyServer]:
    with serving(tree, library, FROM_DISK) as faulty:
        yield faulty


def is_not_stored(answer: RawResponse, status: int) -> bool:
    return answer.status == status and answer.fields.get("cache-control") == "no-store"


MACHINE_ERRORS = (errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENOMEM, errno.ETIMEDOUT, errno.ENOTCONN)
"""Errors that do not mean that a file is missing. The last two come from network file systems."""


def test_a_failing_disk_is_a_503_and_logged_once(faulty: FaultyServer, tree: BuiltTree) -> None:
    for number in MACHINE_ERRORS:
        for path in ("ten.txt", "large.bin", tree.names["ten.txt"], tree.names["large.bin"]):
            for call in ("stat", "open", "read"):
                with faulty.failing(call, number, f"/{path}"):
                    answers = [faulty.ask(path) for _ in range(3)]
                assert all(is_not_stored(answer, 503) for answer in answers), (number, path, call, answers)
                assert answers[0].fields["retry-after"] == "1"
                whole = faulty.ask(path)
                assert (whole.status, whole.body) == (200, LARGE if "large" in path else TEN)
    lines = faulty.log_lines()
    assert len(lines) == len(MACHINE_ERRORS)
    assert all(os.strerror(number) in line for number, line in zip(MACHINE_ERRORS, lines, strict=True))


def test_an_unreadable_file_is_a_404_and_logged_once(faulty: FaultyServer, tree: BuiltTree) -> None:
    for path in ("ten.txt", tree.names["ten.txt"]):
        with faulty.failing("open", errno.EACCES, f"/{path}"):
            answers = [faulty.ask(path) for _ in range(3)]
        assert all(is_not_stored(answer, 404) for answer in answers)
        assert faulty.ask(path).body == TEN
    assert len(faulty.log_lines()) == 2


def test_a_large_file_that_fails_after_its_check_is_a_503(faulty: FaultyServer, tree: BuiltTree) -> None:
    for path in ("large.bin", tree.names["large.bin"]):
        assert faulty.ask(path).body == LARGE
        with faulty.failing("read", errno.EIO, f"/{path}"):
            for range_value in ("bytes=1000000-", "bytes=0-9,1000000-1000009"):
                assert is_not_stored(faulty.ask(path, Range=range_value), 503)
            assert is_not_stored(faulty.ask(path), 503)
        assert faulty.ask(path, Range="bytes=256-511").body == bytes(range(256))


@pytest.mark.parametrize("call", ["stat", "open", "read"])
def test_a_variant_on_a_bad_sector_is_not_sent_until_it_is_readable(
    faulty: FaultyServer, tree: BuiltTree, call: str
) -> None:
    path = tree.names["css/styles.css"]
    with faulty.failing(call, errno.EIO, ".css.br"):
        answers = [faulty.ask(path, Accept_Encoding="br") for _ in range(3)]
        assert all((answer.status, answer.body) == (200, STYLES) for answer in answers)
        zipped = faulty.ask(path, Accept_Encoding="br, gzip")
        assert zipped.fields["content-encoding"] == "gzip"
    assert faulty.ask(path, Accept_Encoding="br").fields["content-encoding"] == "br"
    assert len(faulty.log_lines()) == 1


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ESTALE])
def test_a_variant_is_used_again_after_a_failed_stat(
    faulty: FaultyServer, tree: BuiltTree, number: int
) -> None:
    with faulty.failing("open", number, "/css/styles.css.br"):
        assert is_not_stored(faulty.ask("css/styles.css", Accept_Encoding="br"), 503)
    assert faulty.ask("css/styles.css", Accept_Encoding="br").fields["content-encoding"] == "br"


# The manifest


@pytest.mark.parametrize("call", ["open", "read"])
@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.ESTALE])
def test_a_new_manifest_is_used_once_it_is_readable(
    faulty: FaultyServer, tree: BuiltTree, call: str, number: int
) -> None:
    assert faulty.ask(tree.names["ten.txt"]).status == 200
    wait_for_tick(tree.root)
    old = dict(tree.names)
    with faulty.failing(call, number, "/staticfiles.json"):
        added = tree.add("poem.txt", POEM)
        tree.publish()
        wait_until(lambda: faulty.ask(added).status and faulty.log_lines())
        assert "immutable" not in faulty.ask(added).fields.get("cache-control", "")
        assert "immutable" in faulty.ask(old["ten.txt"]).fields["cache-control"]
    wait_until(lambda: "immutable" in faulty.ask(added).fields.get("cache-control", ""))
    assert len(faulty.log_lines()) == 1


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES])
def test_a_manifest_does_not_count_as_deleted_after_a_failed_stat(
    tree: BuiltTree, library: Path, number: int
) -> None:
    with serving(tree, library, {"check_interval": 0.05}) as faulty:
        before = faulty.ask(tree.names["ten.txt"])
        with faulty.failing("stat,open,read", number, "/staticfiles.json"):
            wait_until(lambda: faulty.ask("looks.0123456789ab.css").status == 404)
            put(tree.root, tree.names["ten.txt"], b"damaged")
            after = faulty.ask(tree.names["ten.txt"])
            assert (after.status, after.body) == (200, TEN), "the content in memory is still served"
        assert before.fields["etag"] == after.fields["etag"]
        assert not [line for line in faulty.log_lines() if "is gone" in line]


# Descriptors


def test_without_a_free_descriptor_the_response_is_503(tree: BuiltTree, tmp_path: Path) -> None:
    if not hasattr(resource, "prlimit"):
        missing("the limits of another process can be set only on Linux")
    with (
        running(ServedRoot(tmp_path / "server", tree.root, FROM_DISK)) as server,
        RawConnection(server.port) as connection,
    ):
        paths = ("large.bin", "ten.txt", tree.names["large.bin"], tree.names["css/styles.css"])
        for path in paths:
            assert connection.ask(get(f"/static/{path}")).status == 200
        process = int(connection.ask(get("/process")).body)
        soft, hard = resource.prlimit(process, resource.RLIMIT_NOFILE)
        open_now = {int(name) for name in os.listdir(f"/proc/{process}/fd")}
        lowest_free = min(set(range(len(open_now) + 1)) - open_now)
        resource.prlimit(process, resource.RLIMIT_NOFILE, (lowest_free, hard))
        for path in paths * 5:
            answer = connection.ask(get(f"/static/{path}"))
            assert is_not_stored(answer, 503), (path, answer)
        assert connection.ask(get("/static/nothing.txt")).body == b"the application's own"
        resource.prlimit(process, resource.RLIMIT_NOFILE, (soft, hard))
        for path in paths:
            assert connection.ask(get(f"/static/{path}")).status == 200
        assert len([line for line in server.log_lines() if line.startswith("cannot serve")]) == 1


# Something else in the place of a file or of the root


def make_folder(location: str) -> None:
    os.mkdir(location)


def make_device(location: str) -> None:
    try:
        os.mknod(location, stat.S_IFCHR | 0o644, os.makedev(1, 5))
    except PermissionError:
        missing("a device cannot be made without root")


def make_loop(location: str) -> None:
    os.symlink(os.path.basename(location), location)


@pytest.mark.parametrize("make", [make_folder, os.mkfifo, make_device, make_loop])
def test_a_fingerprinted_path_that_is_no_file_is_a_404_and_logged_once(
    tree: BuiltTree, tmp_path: Path, make: Callable[[str], None]
) -> None:
    with (
        running(ServedRoot(tmp_path / "server", tree.root, FROM_DISK)) as server,
        RawConnection(server.port) as connection,
    ):
        for name in ("ten.txt", "large.bin"):
            location = os.path.join(tree.root, tree.names[name])
            assert connection.ask(get(f"/static/{tree.names[name]}")).status == 200
            os.unlink(location)
            make(location)
            for _ in range(3):
                assert is_not_stored(connection.ask(get(f"/static/{tree.names[name]}")), 404)
        assert len([line for line in server.log_lines() if line.startswith("cannot serve")]) == 2


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "mounted"
    folder.mkdir()
    mount(folder)
    yield folder
    subprocess.run(["umount", "-l", folder], check=False, capture_output=True)


def mount(folder: Path) -> None:
    done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, check=False)
    if done.returncode:
        missing("a file system cannot be mounted without root")


def test_an_unmounted_root_is_404_until_it_is_mounted_again(
    mounted: Path, tree: BuiltTree, tmp_path: Path
) -> None:
    root = str(mounted / "root")
    copy = fill(root, tree)
    urls = ["ten.txt", copy.names["ten.txt"], copy.names["css/styles.css"], copy.names["large.bin"]]
    settings = {"check_interval": 0.05, "on_missing": "404"}
    with (
        running(ServedRoot(tmp_path / "server", root, settings)) as server,
        RawConnection(server.port) as connection,
    ):
        assert [connection.ask(get(f"/static/{path}")).status for path in urls] == [200] * 4
        subprocess.run(["umount", "-l", mounted], check=True)
        wait_until(lambda: all(is_not_stored(connection.ask(get(f"/static/{path}")), 404) for path in urls))
        lines = len(server.log_lines())
        for path in urls * 10:
            assert is_not_stored(connection.ask(get(f"/static/{path}")), 404)
        assert len(server.log_lines()) == lines
        mount(mounted)
        fill(root, tree)
        wait_until(lambda: [connection.ask(get(f"/static/{path}")).status for path in urls] == [200] * 4)


def fill(root: str, tree: BuiltTree) -> BuiltTree:
    """Build the same tree in another root."""
    copy = replace(tree, root=root, names={}, records=[])
    copy.add("ten.txt", TEN)
    copy.add("css/styles.css", STYLES, variants=True)
    copy.add("large.bin", LARGE)
    copy.publish()
    return copy
