"""Many threads, and forks, while manifests and files change under them.

``HASHSERVE_SOAK=1`` makes 200 changes of each kind under 16 threads instead of 20 under 4; ``-s`` shows how
many answers that gave.
"""

from __future__ import annotations

import gzip
import itertools
import json
import os
import random
import sys
import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from typing import Any

import brotli
import pytest

from hashserve import HashServe, Manifest
from hashserve.digests import digest_of
from hashserve.errors import TruncatedFileError, UnknownAssetError
from hashserve.file_identity import SETTLED_AFTER
from hashserve.serve import live_files as live_module
from hashserve.serve.files import ChangedFileError
from hashserve.serve.inspection import inspect
from tests.support.client import request, wrapped_application
from tests.support.deltas import BROWSER, available_dictionary, decoded, three_releases
from tests.support.files import put
from tests.support.history import (
    BROKEN_OFF,
    ROUNDS,
    THREADS,
    History,
    check_clean,
    coded,
    print_counts,
    run_during_changes,
    send_during_changes,
    version,
)
from tests.support.trees import BuiltTree, build_tree
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(autouse=True)
def _switching_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(autouse=True)
def _changing_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files that changed count as unchanged before the last requests of a test."""
    monkeypatch.setattr("hashserve.serve.body_cache.CHANGING_FOR", 0.01)


@pytest.fixture(params=[SETTLED_AFTER, 20_000_000], ids=["fresh", "remembered"])
def _settling(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one of two runs remember files at once; in the other they change too fast for that."""
    monkeypatch.setattr(live_module, "SETTLED_AFTER", request.param)


SIZES = pytest.mark.parametrize("largest_body", [1 << 20, 4096], ids=["in memory", "from the file"])


# Ways to write a file


def write(path: str, content: bytes) -> None:
    with open(path, "wb") as stream:
        stream.write(content)


def by_rename(path: str, content: bytes) -> None:
    write(f"{path}.new", content)
    os.replace(f"{path}.new", path)


def by_deletion(path: str, content: bytes) -> None:
    os.unlink(path)
    by_rename(path, content)


def by_link(path: str, content: bytes) -> None:
    target = f"{path}.target{content[:6].decode()}"
    write(target, content)
    os.symlink(os.path.basename(target), f"{path}.link")
    os.replace(f"{path}.link", path)


def in_pieces(path: str, content: bytes) -> None:
    """Truncate the file, and write it again in pieces, each on disk at once."""
    with open(path, "wb", buffering=0) as stream:
        stream.writelines(content[offset : offset + 3000] for offset in range(0, len(content), 3000))


def over_itself(path: str, content: bytes) -> None:
    """Write over the old content, then cut off the rest of it."""
    with open(path, "r+b", buffering=0) as stream:
        stream.writelines(content[offset : offset + 3000] for offset in range(0, len(content), 3000))
        stream.truncate()


def cut_first(path: str, content: bytes) -> None:
    os.truncate(path, 6)
    os.truncate(path, 0)
    over_itself(path, content)


def recreated(path: str, content: bytes) -> None:
    os.unlink(path)
    in_pieces(path, content)


# Live files


@pytest.mark.usefixtures("_settling")
@SIZES
@pytest.mark.parametrize("replace", [by_rename, by_deletion, by_link])
def test_a_live_file_that_is_replaced_is_one_whole_version(
    tmp_path: Any, replace: Callable[[str, bytes], None], largest_body: int
) -> None:
    path = str(put(tmp_path, "file.bin", version(0)))
    application = HashServe(
        wrapped_application, tmp_path, "/static/", largest_body=largest_body, on_missing="404"
    )
    answers = send_during_changes(
        application,
        History(),
        lambda: "/static/file.bin",
        lambda number: replace(path, version(number)),
        allowed=["404", "503"] if replace is by_deletion else [],
    )
    assert answers["206"]
    assert answers["304"]


@pytest.mark.usefixtures("_settling")
@SIZES
@pytest.mark.parametrize("rewrite", [in_pieces, over_itself, cut_first, recreated])
def test_a_live_file_that_is_written_in_place_has_the_length_and_the_tag_of_what_is_sent(
    tmp_path: Any, rewrite: Callable[[str, bytes], None], largest_body: int
) -> None:
    """A half-written file is served as it was when it was read.

    A file too large for memory is examined before it is sent. If it changes in between, the connection ends,
    where the change shows.
    """
    path = str(put(tmp_path, "file.bin", version(0)))
    application = HashServe(
        wrapped_application, tmp_path, "/static/", largest_body=largest_body, on_missing="404"
    )
    send_during_changes(
        application,
        History(may_tear=True),
        lambda: "/static/file.bin",
        lambda number: rewrite(path, version(number)),
        allowed=["404", "503", *([BROKEN_OFF] if largest_body == 4096 else [])],
    )


def source_first(path: str, number: int, replace: Callable[[str, bytes], None]) -> None:
    forms = coded(number)
    for coding, suffix in SUFFIXES.items():
        replace(path + suffix, forms[coding])


def variants_first(path: str, number: int, replace: Callable[[str, bytes], None]) -> None:
    forms = coded(number)
    for coding, suffix in reversed(SUFFIXES.items()):
        replace(path + suffix, forms[coding])


SUFFIXES = {"identity": "", "gzip": ".gz", "br": ".br"}


@pytest.mark.usefixtures("_settling")
@pytest.mark.parametrize("replace", [by_rename, by_deletion, in_pieces])
@pytest.mark.parametrize("change", [source_first, variants_first])
def test_a_variant_is_never_of_another_version_than_its_tag(
    tmp_path: Any,
    change: Callable[[str, int, Callable[[str, bytes], None]], None],
    replace: Callable[[str, bytes], None],
) -> None:
    path = os.path.join(tmp_path, "file.bin")
    source_first(path, 0, write)
    application = HashServe(wrapped_application, tmp_path, "/static/", on_missing="404")
    send_during_changes(
        application,
        History(has_variants=True, may_tear=replace is in_pieces),
        lambda: "/static/file.bin",
        lambda number: change(path, number, replace),
        allowed=[] if replace is by_rename else ["404", "503"],
    )


@pytest.mark.usefixtures("_settling")
@SIZES
def test_a_link_to_the_release_in_force_that_goes_forth_and_back_leads_to_no_other(
    tmp_path: Any, largest_body: int
) -> None:
    releases = 5
    for number in range(releases):
        os.mkdir(tmp_path / str(number))
        source_first(str(tmp_path / str(number) / "file.bin"), number, write)
    link = tmp_path / "current"
    link.symlink_to("0")
    application = HashServe(wrapped_application, tmp_path, "/static/", largest_body=largest_body)

    def change(number: int) -> None:
        (tmp_path / "next").symlink_to(str(number))
        os.replace(tmp_path / "next", link)

    send_during_changes(
        application,
        History(has_variants=True),
        lambda: "/static/current/file.bin",
        change,
        versions=[number % releases for number in range(1, ROUNDS + 1)],
    )


@pytest.mark.parametrize("is_variant", [False, True])
def test_what_a_link_led_to_for_a_moment_is_not_remembered_as_what_it_led_to_before(
    tmp_path: Any, is_variant: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = {name: (b"same" if is_variant else name.encode()) * 1000 for name in "ab"}
    for level, (name, content) in enumerate(contents.items(), 1):
        put(str(tmp_path / name), "file.bin", content, age=60)
        put(str(tmp_path / name), "file.bin.gz", gzip.compress(content, level * 4, mtime=level), age=50)
    (tmp_path / "current").symlink_to("a")
    monkeypatch.setattr(live_module, "SETTLED_AFTER", -1)

    def lead_to(name: str) -> None:
        (tmp_path / "next").symlink_to(name)
        os.replace(tmp_path / "next", tmp_path / "current")

    def inspect_the_next(*arguments: Any, **options: Any) -> Any:
        monkeypatch.setattr("hashserve.serve.live_files.inspect", inspect)
        lead_to("b")
        return inspect(*arguments, **options)

    monkeypatch.setattr("hashserve.serve.live_files.inspect", inspect_the_next)
    application = HashServe(wrapped_application, tmp_path, "/static/", body_budget=0)

    def is_of(name: str) -> bool:
        expected = (tmp_path / name / "file.bin.gz").read_bytes()
        return request(application, "/static/current/file.bin", accept_encoding="gzip").body == bytes(
            expected
        )

    assert is_of("b")
    for name in "aba":
        lead_to(name)
        assert is_of(name)


# Manifests


def whole(tree: BuiltTree) -> None:
    tree.publish()


def broken_first(tree: BuiltTree) -> None:
    by_rename(manifest_of(tree), b'{"paths": {')
    tree.publish()


def deleted_first(tree: BuiltTree) -> None:
    os.unlink(manifest_of(tree))
    tree.publish()


def written_in_place(tree: BuiltTree) -> None:
    with open(manifest_of(tree), "rb") as stream:
        before = stream.read()
    tree.publish()
    with open(manifest_of(tree), "rb") as stream:
        content = stream.read()
    by_rename(manifest_of(tree), before)
    in_pieces(manifest_of(tree), content)


def without_digests(tree: BuiltTree) -> None:
    """Write a manifest as Django does: it states nothing about the content of files."""
    by_rename(manifest_of(tree), json.dumps({"version": "1.1", "hash": "", "paths": tree.names}).encode())


def manifest_of(tree: BuiltTree) -> str:
    return os.path.join(tree.root, "staticfiles.json")


@pytest.mark.parametrize("publish", [whole, broken_first, deleted_first, written_in_place, without_digests])
@pytest.mark.parametrize(("check_interval", "body_budget"), [(0.0, 64 << 20), (0.0, 0), (0.005, 64 << 20)])
def test_every_manifest_that_is_published_is_served_whole_while_it_is_swapped(
    tmp_path: Any, check_interval: float, body_budget: int, publish: Callable[[BuiltTree], None]
) -> None:
    tree = build_tree(str(tmp_path / "root"))
    tree.add("file.bin", version(0), variants=True)
    publish(tree)
    application = HashServe(
        wrapped_application,
        tree.root,
        "/static/",
        check_interval=check_interval,
        body_budget=body_budget,
        memo_size=5,
    )

    def change(number: int) -> None:
        tree.add("file.bin", version(number), variants=True)
        publish(tree)

    # If the manifest is missing for a moment, the last one stays in force.
    may_lag = check_interval > 0 or publish not in (whole, without_digests)
    history = History(has_variants=True, may_lag=may_lag)
    send_during_changes(application, history, lambda: application.url("file.bin"), change)
    reply = request(application, application.url("file.bin"))
    assert (reply.body, "immutable" in reply["Cache-Control"]) == (version(ROUNDS), True)


def test_a_release_that_is_pruned_is_whole_or_a_clean_404(tmp_path: Any) -> None:
    tree = BuiltTree(str(tmp_path / "root"))
    tree.add("file.bin", version(0), variants=True)
    tree.publish()
    application = HashServe(wrapped_application, tree.root, "/static/", check_interval=0.0, memo_size=20)
    paths = [tree.names["file.bin"]]
    answers: Counter[str] = Counter()

    def ask() -> None:
        number = random.randrange(max(0, len(paths) - 4), len(paths))
        reply = request(application, f"/static/{paths[number]}", accept_encoding="br")
        is_kept = number >= len(paths) - 2
        answers[str(reply.status)] += 1
        if reply.status == 404:
            check_clean(reply)
            assert not is_kept
        else:
            coding = "br" if reply.all("Content-Encoding") else "identity"
            assert (reply.status, reply.body) == (200, coded(number)[coding])
            assert coding == "br" or not is_kept
            assert int(reply["Content-Length"]) == len(reply.body)

    def change(number: int) -> None:
        paths.append(tree.add("file.bin", version(number), variants=True))
        del tree.records[:-2]
        tree.publish()
        if number > 1:
            for suffix in SUFFIXES.values():
                os.unlink(os.path.join(tree.root, paths[number - 2] + suffix))

    run_during_changes([ask] * THREADS, change)
    print_counts(answers)
    assert answers["200"]
    assert request(application, f"/static/{paths[0]}").status == 404


@SIZES
@pytest.mark.parametrize("disturb", [by_rename, by_deletion, in_pieces, over_itself, cut_first, recreated])
def test_a_fingerprinted_file_that_is_disturbed_is_what_its_name_says_or_a_clean_404(
    tmp_path: Any, disturb: Callable[[str, bytes], None], largest_body: int
) -> None:
    """It gets other content, and then its own again."""
    tree = BuiltTree(str(tmp_path / "root"))
    path = tree.add("file.bin", version(3))
    tree.publish()
    location = os.path.join(tree.root, path)
    application = HashServe(wrapped_application, tree.root, "/static/", largest_body=largest_body)
    outcomes: Counter[str] = Counter()

    def ask() -> None:
        try:
            reply = request(application, f"/static/{path}")
        except (TruncatedFileError, ChangedFileError):
            outcomes[BROKEN_OFF] += 1
            return
        outcomes[str(reply.status)] += 1
        if reply.status != 200:
            check_clean(reply)
        else:
            assert (reply.body, reply["ETag"]) == (version(3), f'"{digest_of([version(3)])[:22]}"')
            assert int(reply["Content-Length"]) == len(reply.body)

    def change(number: int) -> None:
        before = sum(outcomes.values())
        disturb(location, version(number))
        disturb(location, version(3))
        wait_until(lambda: sum(outcomes.values()) > before)

    run_during_changes([ask] * THREADS, change)
    print_counts(outcomes)
    reply = request(application, f"/static/{path}")
    assert (reply.status, reply.body) == (200, version(3))


@pytest.mark.parametrize(
    ("check_interval", "body_budget"), [(0.0, 0), (0.02, 1 << 20)], ids=["from the file", "in memory"]
)
def test_no_client_gets_a_delta_that_it_cannot_decode_while_files_and_manifests_change(
    tmp_path: Any, check_interval: float, body_budget: int
) -> None:
    tree = three_releases(tmp_path)
    contents = [tree.content("css/app.css", release) for release in range(3)]
    known = [available_dictionary(content) for content in contents[:2]]
    manifest, url = tree.manifest(), tree.url("css/app.css")
    deltas = manifest.deltas_of(tree.releases[2]["css/app.css"])
    files = [tmp_path / delta.path for delta in deltas] + [tmp_path / delta.dictionary for delta in deltas]
    right = [path.read_bytes() for path in files]
    application = HashServe(
        wrapped_application, tree.root, "/static/", check_interval=check_interval, body_budget=body_budget
    )
    answers: Counter[str] = Counter()

    def ask() -> None:
        had = random.choice((0, 0, 1, 1, None))
        fields = {} if had is None else {"available_dictionary": known[had]}
        try:
            reply = request(application, url, accept_encoding=random.choice((BROWSER, "gzip, dcz")), **fields)
        except (TruncatedFileError, ChangedFileError):  # the connection ends before the delta does
            answers["broken off"] += 1
            return
        answers[f"{reply.status} {reply['Content-Encoding']}"] += 1
        assert reply.status == 200
        if reply["Content-Encoding"] != "dcz":
            decode = {"br": brotli.decompress, "gzip": gzip.decompress}[reply["Content-Encoding"]]
            assert decode(reply.body) == contents[2]
        else:
            assert had is not None
            assert decoded(reply, contents[had]) == contents[2]

    def change(number: int) -> None:
        which = random.randrange(len(files))
        disturb = random.choice((over_itself, cut_first, by_rename, by_deletion))
        disturb(str(files[which]), right[which][:-1] + b"?")
        tree.replace(deltas=random.choice((None, {}, manifest.deltas, swapped(manifest))))
        wait_until(lambda: sum(answers.values()) > 5 * number)
        by_rename(str(files[which]), right[which])
        tree.replace(deltas=manifest.deltas)
        wait_until(lambda: sum(answers.values()) > 10 * number)

    run_during_changes([ask] * THREADS, change)
    print_counts(answers)
    for content, field in zip(contents[:2], known, strict=True):
        wait_until(
            lambda field=field: (
                request(  # type: ignore[misc]
                    application, url, accept_encoding=BROWSER, available_dictionary=field
                )["Content-Encoding"]
                == "dcz"
            )
        )
        reply = request(application, url, accept_encoding=BROWSER, available_dictionary=field)
        assert decoded(reply, content) == contents[2]


def swapped(manifest: Manifest) -> dict[str, list[str]]:
    """Return the rows of deltas, each with the dictionary of another one of its file."""
    rows = {path: [row.split(" ") for row in rows] for path, rows in (manifest.deltas or {}).items()}
    return {
        path: [
            f"{size} {token} {dictionary}"
            for (size, token, _), (_, _, dictionary) in zip(of_path, reversed(of_path), strict=True)
        ]
        for path, of_path in rows.items()
    }


def test_a_folder_that_comes_and_goes_is_whole_or_a_clean_404(tmp_path: Any) -> None:
    tree = BuiltTree(str(tmp_path / "root"))
    path = tree.add("file.bin", version(7))
    tree.publish()
    application = HashServe(wrapped_application, tree.root, "/static/", check_interval=0.0, on_missing="404")
    away = str(tmp_path / "away")
    answers: Counter[str] = Counter()

    def ask() -> None:
        for name in (path, "file.bin", "none.0123456789ab.bin"):
            reply = request(application, f"/static/{name}")
            answers[str(reply.status)] += 1
            if reply.status == 200:
                assert reply.body == version(7)
            else:
                check_clean(reply)

    def change(number: int) -> None:
        os.rename(tree.root, away)
        os.rename(away, tree.root)

    run_during_changes([ask] * THREADS, change)
    print_counts(answers)
    assert answers["200"]
    assert request(application, f"/static/{path}").body == version(7)


def test_an_asset_that_comes_and_goes_with_the_manifests_has_its_integrity_or_is_unknown(
    tmp_path: Any,
) -> None:
    tree = build_tree(str(tmp_path / "root"))
    application = HashServe(wrapped_application, tree.root, "/static/", check_interval=0.0)
    tree.add("file.bin", version(3))
    os.unlink(os.path.join(tree.root, "file.bin"))
    found: Counter[bool] = Counter()

    def ask() -> None:
        try:
            assert (
                application.integrity("file.bin")
                == f"sha256-{b64encode(sha256(version(3)).digest()).decode()}"
            )
            assert request(application, application.url("file.bin")).body == version(3)
        except UnknownAssetError:
            found[False] += 1
        else:
            found[True] += 1

    def change(number: int) -> None:
        name = tree.names.pop("file.bin")
        tree.publish()
        tree.names["file.bin"] = name
        tree.publish()

    run_during_changes([ask] * THREADS, change)
    assert found[True]


def test_threads_together_stay_within_the_budget(tmp_path: Any) -> None:
    tree = BuiltTree(str(tmp_path / "root"))
    for number in range(30):
        tree.add(f"{number}.bin", version(number))
    tree.publish()
    budget = 100_000
    application = HashServe(wrapped_application, tree.root, body_budget=budget, memo_size=10)
    paths = itertools.cycle(list(tree.names.values()))

    def ask() -> None:
        reply = request(application, f"/static/{next(paths)}", accept_encoding=f"x-{time.monotonic_ns()}")
        assert reply["ETag"] == f'"{digest_of([reply.body])[:22]}"'

    def change(number: int) -> None:
        assert application._site.bodies.kept()[1] <= budget
        time.sleep(0.002)

    run_during_changes([ask] * THREADS, change)
    assert sum(map(len, application._service.memo.hot.values())) <= 10


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
    """Run an action in a forked child, with a time limit; return whether it returned True."""
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
    locks = [
        site._following,
        site.bodies._bodies._guard,
        live._remembered._guard,
        application._service.memo._guard,
    ]

    def serves() -> bool:
        replies = [request(application, f"/static/{path}") for path in (*built.names.values(), "live.txt")]
        return all(reply.status == 200 for reply in replies)

    for lock in locks:
        with held_by_another_thread(lock.lock):
            assert in_a_child(serves)
    assert serves()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_children_serve_what_was_read_before_the_fork(built: BuiltTree) -> None:
    application = HashServe(wrapped_application, built.root, check_interval=1000.0, preload=True)
    path = built.names["ten.txt"]
    os.unlink(os.path.join(built.root, path))
    assert in_a_child(lambda: request(application, f"/static/{path}").status == 200)
