"""Missing resources and failing disks: a 404 or 503 that no cache stores, logged once.

The disk fails by ``faults.c``, a library that the server loads before the C library. The server, its system
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

from tests.fuzz.serving import Raw, ServedRoot, Wire, get
from tests.support.files import put
from tests.support.parts import missing, require_tool
from tests.support.services import running
from tests.support.trees import POEM, STYLES, TEN, BuiltTree, wait_for_tick
from tests.support.waiting import wait_until

pytestmark = pytest.mark.real

LARGE = bytes(range(256)) * 8192
NOT_KEPT = {"body_budget": 0, "check_interval": 0.05}
"""Settings under which each request reads from disk."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Compile the fault injector."""
    if sys.platform != "linux":
        missing("LD_PRELOAD and the numbers of its errors are Linux's")
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


class Faulty:
    """A server on a disk that fails on demand."""

    def __init__(self, server: ServedRoot, control: Path) -> None:
        self.server = server
        self._control = control
        self._wire = Wire(server.port)

    def ask(self, path: str, **fields: str) -> Raw:
        """Send a GET; ``path`` is below the prefix."""
        return self._wire.ask(get(f"/static/{path}", **fields))

    @contextmanager
    def failing(self, calls: str, number: int, ending: str) -> Iterator[None]:
        """Make these calls fail for each path with this end."""
        aside = self._control.with_suffix(".aside")
        aside.write_text(f"{calls} {number} {ending}", encoding="utf-8")
        aside.rename(self._control)
        try:
            yield
        finally:
            self._control.unlink()

    def told(self) -> list[str]:
        """Return hashserve's lines of the log."""
        return [line for line in self.server.told() if re.match("cannot|a new manifest|the manifest", line)]

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()


@contextmanager
def serving(tree: BuiltTree, library: Path, settings: Mapping[str, object]) -> Iterator[Faulty]:
    folder = Path(tree.root).parent / "server"
    control = folder / "control"
    variables = {"LD_PRELOAD": str(library), "FAULTS": str(control)}
    with running(ServedRoot(folder, tree.root, settings, variables)) as server:
        faulty = Faulty(server, control)
        try:
            yield faulty
        finally:
            faulty.close()


@pytest.fixture
def faulty(tree: BuiltTree, library: Path) -> Iterator[Faulty]:
    with serving(tree, library, NOT_KEPT) as faulty:
        yield faulty


def is_honest(answer: Raw, status: int) -> bool:
    return answer.status == status and answer.fields.get("cache-control") == "no-store"


OF_THE_MACHINE = (errno.EIO, errno.ESTALE, errno.EMFILE, errno.ENOMEM, errno.ETIMEDOUT, errno.ENOTCONN)
"""Errors that do not mean that a file is missing. The last two come from network file systems."""


def test_a_failing_disk_is_a_503_and_logged_once(faulty: Faulty, tree: BuiltTree) -> None:
    for number in OF_THE_MACHINE:
        for path in ("ten.txt", "large.bin", tree.names["ten.txt"], tree.names["large.bin"]):
            for call in ("stat", "open", "read"):
                with faulty.failing(call, number, f"/{path}"):
                    answers = [faulty.ask(path) for _ in range(3)]
                assert all(is_honest(answer, 503) for answer in answers), (number, path, call, answers)
                assert answers[0].fields["retry-after"] == "1"
                whole = faulty.ask(path)
                assert (whole.status, whole.body) == (200, LARGE if "large" in path else TEN)
    told = faulty.told()
    assert len(told) == len(OF_THE_MACHINE)
    assert all(os.strerror(number) in line for number, line in zip(OF_THE_MACHINE, told, strict=True))


def test_an_unreadable_file_is_a_404_and_logged_once(faulty: Faulty, tree: BuiltTree) -> None:
    for path in ("ten.txt", tree.names["ten.txt"]):
        with faulty.failing("open", errno.EACCES, f"/{path}"):
            answers = [faulty.ask(path) for _ in range(3)]
        assert all(is_honest(answer, 404) for answer in answers)
        assert faulty.ask(path).body == TEN
    assert len(faulty.told()) == 2


def test_a_large_file_that_fails_after_its_check_is_a_503(faulty: Faulty, tree: BuiltTree) -> None:
    for path in ("large.bin", tree.names["large.bin"]):
        assert faulty.ask(path).body == LARGE
        with faulty.failing("read", errno.EIO, f"/{path}"):
            for range_value in ("bytes=1000000-", "bytes=0-9,1000000-1000009"):
                assert is_honest(faulty.ask(path, Range=range_value), 503)
            assert is_honest(faulty.ask(path), 503)
        assert faulty.ask(path, Range="bytes=256-511").body == bytes(range(256))


@pytest.mark.parametrize("call", ["stat", "open", "read"])
def test_a_variant_on_a_bad_sector_is_not_sent_until_it_is_readable(
    faulty: Faulty, tree: BuiltTree, call: str
) -> None:
    path = tree.names["css/styles.css"]
    with faulty.failing(call, errno.EIO, ".css.br"):
        answers = [faulty.ask(path, Accept_Encoding="br") for _ in range(3)]
        assert all((answer.status, answer.body) == (200, STYLES) for answer in answers)
        zipped = faulty.ask(path, Accept_Encoding="br, gzip")
        assert zipped.fields["content-encoding"] == "gzip"
    assert faulty.ask(path, Accept_Encoding="br").fields["content-encoding"] == "br"
    assert len(faulty.told()) == 1


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ESTALE])
def test_a_variant_is_used_again_after_a_failed_stat(faulty: Faulty, tree: BuiltTree, number: int) -> None:
    with faulty.failing("open", number, "/css/styles.css.br"):
        assert is_honest(faulty.ask("css/styles.css", Accept_Encoding="br"), 503)
    assert faulty.ask("css/styles.css", Accept_Encoding="br").fields["content-encoding"] == "br"


# The manifest


@pytest.mark.parametrize("call", ["open", "read"])
@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO, errno.ESTALE])
def test_a_new_manifest_is_used_once_it_is_readable(
    faulty: Faulty, tree: BuiltTree, call: str, number: int
) -> None:
    assert faulty.ask(tree.names["ten.txt"]).status == 200
    wait_for_tick(tree.root)
    old = dict(tree.names)
    with faulty.failing(call, number, "/staticfiles.json"):
        added = tree.add("poem.txt", POEM)
        tree.publish()
        wait_until(lambda: faulty.ask(added).status and faulty.told())
        assert "immutable" not in faulty.ask(added).fields.get("cache-control", "")
        assert "immutable" in faulty.ask(old["ten.txt"]).fields["cache-control"]
    wait_until(lambda: "immutable" in faulty.ask(added).fields.get("cache-control", ""))
    assert len(faulty.told()) == 1


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES])
def test_a_manifest_does_not_count_as_deleted_after_a_failed_stat(
    tree: BuiltTree, library: Path, number: int
) -> None:
    with serving(tree, library, {"check_interval": 0.05}) as faulty:
        before = faulty.ask(tree.names["ten.txt"])
        with faulty.failing("stat,open,read", number, "/staticfiles.json"):
            wait_until(lambda: faulty.ask("looks.0123456789ab.css").status == 404)
            put(tree.root, tree.names["ten.txt"], b"damaged meanwhile")
            after = faulty.ask(tree.names["ten.txt"])
            assert (after.status, after.body) == (200, TEN), "what is in memory is as good as before"
        assert before.fields["etag"] == after.fields["etag"]
        assert not [line for line in faulty.told() if "is gone" in line]


# Descriptors


def test_without_a_free_descriptor_the_response_is_503(tree: BuiltTree, tmp_path: Path) -> None:
    if not hasattr(resource, "prlimit"):
        missing("the limits of another process can be set on Linux alone")
    with running(ServedRoot(tmp_path / "server", tree.root, NOT_KEPT)) as server, Wire(server.port) as wire:
        paths = ("large.bin", "ten.txt", tree.names["large.bin"], tree.names["css/styles.css"])
        for path in paths:
            assert wire.ask(get(f"/static/{path}")).status == 200
        process = int(wire.ask(get("/process")).body)
        soft, hard = resource.prlimit(process, resource.RLIMIT_NOFILE)
        open_now = {int(name) for name in os.listdir(f"/proc/{process}/fd")}
        lowest_free = min(set(range(len(open_now) + 1)) - open_now)
        resource.prlimit(process, resource.RLIMIT_NOFILE, (lowest_free, hard))
        for path in paths * 5:
            answer = wire.ask(get(f"/static/{path}"))
            assert is_honest(answer, 503), (path, answer)
        assert wire.ask(get("/static/nothing.txt")).body == b"the application's own"
        resource.prlimit(process, resource.RLIMIT_NOFILE, (soft, hard))
        for path in paths:
            assert wire.ask(get(f"/static/{path}")).status == 200
        assert len([line for line in server.told() if line.startswith("cannot serve")]) == 1


# Other things in place of a file, or of the root


def make_folder(location: str) -> None:
    os.mkdir(location)


def make_device(location: str) -> None:
    try:
        os.mknod(location, stat.S_IFCHR | 0o644, os.makedev(1, 5))
    except PermissionError:
        missing("a device cannot be made here: that takes root")


def make_loop(location: str) -> None:
    os.symlink(os.path.basename(location), location)


@pytest.mark.parametrize("make", [make_folder, os.mkfifo, make_device, make_loop])
def test_a_fingerprinted_path_that_is_no_file_is_a_404_and_logged_once(
    tree: BuiltTree, tmp_path: Path, make: Callable[[str], None]
) -> None:
    with running(ServedRoot(tmp_path / "server", tree.root, NOT_KEPT)) as server, Wire(server.port) as wire:
        for name in ("ten.txt", "large.bin"):
            location = os.path.join(tree.root, tree.names[name])
            assert wire.ask(get(f"/static/{tree.names[name]}")).status == 200
            os.unlink(location)
            make(location)
            for _ in range(3):
                assert is_honest(wire.ask(get(f"/static/{tree.names[name]}")), 404)
        assert len([line for line in server.told() if line.startswith("cannot serve")]) == 2


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
        missing("a root cannot be mounted here: that takes root")


def test_an_unmounted_root_is_404_until_it_is_mounted_again(
    mounted: Path, tree: BuiltTree, tmp_path: Path
) -> None:
    root = str(mounted / "root")
    there = fill(root, tree)
    urls = ["ten.txt", there.names["ten.txt"], there.names["css/styles.css"], there.names["large.bin"]]
    settings = {"check_interval": 0.05, "on_missing": "404"}
    with running(ServedRoot(tmp_path / "server", root, settings)) as server, Wire(server.port) as wire:
        assert [wire.ask(get(f"/static/{path}")).status for path in urls] == [200] * 4
        subprocess.run(["umount", "-l", mounted], check=True)
        wait_until(lambda: all(is_honest(wire.ask(get(f"/static/{path}")), 404) for path in urls))
        told = len(server.told())
        for path in urls * 10:
            assert is_honest(wire.ask(get(f"/static/{path}")), 404)
        assert len(server.told()) == told
        mount(mounted)
        fill(root, tree)
        wait_until(lambda: [wire.ask(get(f"/static/{path}")).status for path in urls] == [200] * 4)


def fill(root: str, tree: BuiltTree) -> BuiltTree:
    """Build the same tree in another root."""
    there = replace(tree, root=root, names={}, records=[])
    there.add("ten.txt", TEN)
    there.add("css/styles.css", STYLES, variants=True)
    there.add("large.bin", LARGE)
    there.publish()
    return there
