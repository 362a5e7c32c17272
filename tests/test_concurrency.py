"""Many threads, and forks, while manifests and files change under them."""

from __future__ import annotations

import itertools
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from hashserve import HashServe
from hashserve.digests import digest_of
from hashserve.serve import live as live_module
from tests.client import APPLICATION_BODY, Reply, request, wrapped_application
from tests.trees import BuiltTree, build_tree, put

THREADS = 4
ROUNDS = 50


@pytest.fixture(autouse=True)
def _switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def hammer(ask: Callable[[], object], change: Callable[[int], object]) -> None:
    """Call ``ask`` in many threads for as long as ``change`` is called, a fixed number of times."""
    stop, errors = threading.Event(), list[BaseException]()

    def run() -> None:
        try:
            while not stop.is_set():
                ask()
        except BaseException as error:  # noqa: BLE001  # given to the test below
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        for number in range(ROUNDS):
            change(number)
            if errors:
                break
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]


def version(number: int) -> bytes:
    """Give content that tells of itself whether it is whole, of a length that varies."""
    return b"%06d" % number * (1 + number * 7919 % 4000)


def is_whole(body: bytes) -> bool:
    return body == version(int(body[:6]))


def check(reply: Reply) -> None:
    """Hold an answer against the law: one whole version with its length and tag, or a clean 404."""
    if reply.status == 404:
        assert reply["Cache-Control"] == "no-store"
    elif reply.body != APPLICATION_BODY:
        assert reply.status in (200, 206)
        assert int(reply["Content-Length"]) == len(reply.body)
        if reply.status == 200:
            assert is_whole(reply.body), reply.body[:20]
            assert reply["ETag"] == f'"{digest_of([reply.body])[:22]}"'


def by_rename(path: str, content: bytes) -> None:
    with open(f"{path}.new", "wb") as stream:
        stream.write(content)
    os.replace(f"{path}.new", path)


def by_deletion(path: str, content: bytes) -> None:
    by_rename(path, content)
    os.unlink(path)
    by_rename(path, content)


def by_link(path: str, content: bytes) -> None:
    target = f"{path}.target{content[:6].decode()}"
    with open(target, "wb") as stream:
        stream.write(content)
    os.symlink(os.path.basename(target), f"{path}.link")
    os.replace(f"{path}.link", path)


@pytest.mark.parametrize("replace", [by_rename, by_deletion, by_link])
@pytest.mark.parametrize("largest_body", [1 << 20, 4096])
@pytest.mark.parametrize("settled_after", [live_module.SETTLED_AFTER, 5_000_000])
def test_a_live_file_that_is_replaced_is_one_whole_version(
    tmp_path: Any,
    replace: Callable[[str, bytes], None],
    largest_body: int,
    settled_after: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(live_module, "SETTLED_AFTER", settled_after)
    path = put(str(tmp_path), "file.bin", version(0))
    application = HashServe(wrapped_application, tmp_path, "/static/", largest_body=largest_body)
    methods = itertools.cycle([{}, {"range": "bytes=2-5"}, {}])

    def ask() -> None:
        reply = request(application, "/static/file.bin", **next(methods))
        assert reply.status != 503 or replace is not by_rename
        if reply.status != 503:
            check(reply)

    hammer(ask, lambda number: replace(path, version(number)))
    assert request(application, "/static/file.bin").body == version(ROUNDS - 1)


def test_a_live_file_that_is_written_in_place_never_has_a_wrong_length(tmp_path: Any) -> None:
    """What is half-written when it is looked at is served as it is then; its length and tag are right."""
    path = put(str(tmp_path), "file.bin", version(0))
    application = HashServe(wrapped_application, tmp_path, "/static/")

    def ask() -> None:
        reply = request(application, "/static/file.bin")
        assert reply.status in (200, 503)
        if reply.status == 200 and reply.body != APPLICATION_BODY:
            assert int(reply["Content-Length"]) == len(reply.body)
            assert reply["ETag"] == f'"{digest_of([reply.body])[:22]}"'

    def change(number: int) -> None:
        with open(path, "wb") as stream:
            for offset in range(0, len(version(number)), 3000):
                stream.write(version(number)[offset : offset + 3000])
                stream.flush()

    hammer(ask, change)
    assert request(application, "/static/file.bin").body == version(ROUNDS - 1)


@pytest.mark.parametrize("body_budget", [64 << 20, 20_000, 0])
def test_every_manifest_that_is_published_is_served_whole_while_it_is_swapped(
    tmp_path: Any, body_budget: int
) -> None:
    tree = build_tree(str(tmp_path / "root"))
    tree.add("file.bin", version(0))
    tree.publish()
    application = HashServe(
        wrapped_application, tree.root, check_interval=0.0, body_budget=body_budget, memo_size=5
    )
    published = [tree.names["file.bin"]]

    def ask() -> None:
        path = published[-1]
        reply = request(application, f"/static/{path}")
        assert reply.status == 200
        check(reply)
        assert request(application, application.url("file.bin")).status == 200

    def change(number: int) -> None:
        path = tree.add("file.bin", version(number + 1))
        tree.publish()
        published.append(path)

    hammer(ask, change)
    reply = request(application, f"/static/{tree.names['file.bin']}")
    assert reply.body == version(ROUNDS)
    assert "immutable" in reply["Cache-Control"]


def test_a_folder_that_comes_and_goes_is_whole_or_a_clean_404(tmp_path: Any) -> None:
    tree = BuiltTree(str(tmp_path / "root"))
    path = tree.add("file.bin", version(7))
    tree.publish()
    application = HashServe(wrapped_application, tree.root, check_interval=0.0, prefix="/static/")
    away = str(tmp_path / "away")

    def ask() -> None:
        for name in (path, "file.bin", "none.0123456789ab.bin"):
            check(request(application, f"/static/{name}"))

    def change(number: int) -> None:
        os.rename(tree.root, away)
        os.rename(away, tree.root)

    hammer(ask, change)
    assert is_whole(request(application, f"/static/{path}").body)


def test_threads_together_stay_within_the_budget(tmp_path: Any) -> None:
    tree = BuiltTree(str(tmp_path / "root"))
    for number in range(30):
        tree.add(f"{number}.bin", version(number))
    tree.publish()
    budget = 100_000
    application = HashServe(wrapped_application, tree.root, body_budget=budget, memo_size=10)
    paths = itertools.cycle([f"/static/{path}" for path in tree.names.values()])

    def ask() -> None:
        check(request(application, next(paths), accept_encoding=f"x-{time.monotonic_ns()}"))

    def change(number: int) -> None:
        bodies = application._site.bodies._bodies
        assert sum(map(len, list(bodies._young.values()))) <= budget
        time.sleep(0.002)

    hammer(ask, change)
    assert sum(map(len, application._service.hot.values())) <= 10 + THREADS


# After a fork


@contextmanager
def held_by_another_thread(lock: Any) -> Iterator[None]:
    taken, release = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            release.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    try:
        yield
    finally:
        release.set()
        thread.join()


def in_a_child(action: Callable[[], bool]) -> bool:
    """Run in a forked child, given up after a while; whether it came to a true end."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if action() else 1
        finally:
            os._exit(status)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_serves_though_another_thread_held_the_locks_at_the_fork(built: BuiltTree) -> None:
    put(built.root, "live.txt", b"live")
    application = HashServe(wrapped_application, built.root, check_interval=0.0)
    site = application._site
    live = site.mounts[0].live
    locks = [site._following, site.bodies._bodies._lock, live._remembered._lock]

    def serves() -> bool:
        replies = [request(application, f"/static/{path}") for path in (*built.names.values(), "live.txt")]
        return all(reply.status == 200 for reply in replies)

    for lock in locks:
        with held_by_another_thread(lock):
            assert in_a_child(serves)
    assert serves()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_children_serve_what_was_read_before_the_fork(built: BuiltTree) -> None:
    application = HashServe(wrapped_application, built.root, check_interval=1000.0, preload=True)
    path = built.names["ten.txt"]
    os.unlink(os.path.join(built.root, path))
    assert in_a_child(lambda: request(application, f"/static/{path}").status == 200)
