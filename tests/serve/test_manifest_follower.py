"""Following the manifest while the server runs: new ones, broken ones, none, and one that is back."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from hashserve import HashServe, ManifestError, Release
from hashserve.serve import manifest_follower as follower_module
from hashserve.serve.manifest_follower import ManifestFollower
from tests.support.client import APPLICATION_BODY, Reply, request, wrapped_application
from tests.support.files import put
from tests.support.trees import TEN, BuiltTree, build_tree, collect_as_django, wait_for_tick

IMMUTABLE = "public, max-age=31536000, immutable"


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "hashserve")


@pytest.fixture
def application(built: BuiltTree) -> HashServe:
    return HashServe(wrapped_application, built.root, check_interval=0.0)


def url(tree: BuiltTree, logical_path: str) -> str:
    return f"/static/{tree.names[logical_path]}"


def manifest_of(tree: BuiltTree) -> str:
    return os.path.join(tree.root, "staticfiles.json")


def is_immutable(reply: Reply) -> bool:
    return reply.status == 200 and reply["Cache-Control"] == IMMUTABLE


def is_clean_404(reply: Reply) -> bool:
    return (reply.status, reply.all("Cache-Control")) == (404, ["no-store"])


# New manifests


def test_a_new_manifest_is_followed_without_a_restart(application: HashServe, built: BuiltTree) -> None:
    assert request(application, url(built, "ten.txt")).body == TEN
    built.add("ten.txt", b"new content")
    built.publish()
    reply = request(application, url(built, "ten.txt"))
    assert is_immutable(reply)
    assert reply.body == b"new content"
    assert application.url("ten.txt") == url(built, "ten.txt")


def test_the_manifest_is_looked_at_no_oftener_than_the_interval(
    built: BuiltTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = HashServe(wrapped_application, built.root, check_interval=1000.0)
    known = url(built, "ten.txt")
    assert is_immutable(request(application, known))
    looked: list[object] = []
    monkeypatch.setattr(ManifestFollower, "check", looked.append)
    for _ in range(10):
        request(application, known)
        request(application, "/static/none.txt")
    assert looked == []


def test_an_unknown_fingerprint_of_a_release_newer_than_the_last_check_is_found_at_once(
    built: BuiltTree,
) -> None:
    application = HashServe(wrapped_application, built.root, check_interval=1000.0)
    assert is_immutable(request(application, url(built, "ten.txt")))
    built.add("new.txt", b"new")
    built.publish()
    reply = request(application, url(built, "new.txt"))
    assert is_immutable(reply)
    assert reply.body == b"new"


def test_a_thread_that_waited_finds_the_manifest_that_another_took_over(built: BuiltTree) -> None:
    application = HashServe(wrapped_application, built.root, check_interval=1000.0)
    site = application._site
    follow = site.follow
    path = "new.22af645d1859.txt"

    def as_if_another_had_been_first() -> bool:
        assert built.add("new.txt", b"new") == path
        built.publish()
        follow()
        return follow()

    site.follow = as_if_another_had_been_first  # type: ignore[method-assign]
    assert is_immutable(request(application, f"/static/{path}"))


def test_a_fingerprint_that_no_release_lists_any_more_is_no_longer_immutable(
    application: HashServe, built: BuiltTree
) -> None:
    old = built.names["ten.txt"]
    assert is_immutable(request(application, f"/static/{old}"))
    built.records = [record for record in built.records if record.path != old]
    new = built.add("ten.txt", b"new content")
    built.publish()
    reply = request(application, f"/static/{old}")
    assert (reply.status, reply.body, reply["Cache-Control"]) == (200, TEN, "public, max-age=60")
    os.unlink(os.path.join(built.root, old))
    assert is_clean_404(request(application, f"/static/{old}"))
    assert is_immutable(request(application, f"/static/{new}"))


def test_a_retained_release_is_served_until_it_is_dropped(application: HashServe, built: BuiltTree) -> None:
    old = built.names["ten.txt"]
    built.add("ten.txt", b"new content")
    manifest = built.manifest()
    retained = [Release(id="old", created=1, changed={"ten.txt": old})]
    manifest._replace(releases=retained).write(manifest_of(built))
    assert is_immutable(request(application, f"/static/{old}"))
    os.unlink(os.path.join(built.root, old))
    manifest._replace(files={path: row for path, row in manifest.files.items() if path != old}).write(
        manifest_of(built)
    )
    assert is_clean_404(request(application, f"/static/{old}"))


def test_a_manifest_that_appears_later_is_followed(tmp_path: Any) -> None:
    root = str(tmp_path / "root")
    put(root, "app.txt", b"app")
    application = HashServe(wrapped_application, root, "/static/", check_interval=0.0)
    assert request(application, "/static/app.txt")["Cache-Control"] == "public, max-age=60"
    names = collect_as_django(root, ["app.txt"])
    assert is_immutable(request(application, f"/static/{names['app.txt']}"))
    assert request(application, "/static/app.txt")["Cache-Control"] == "public, max-age=60"


def test_the_first_manifest_counts_for_its_files_at_once(tmp_path: Any) -> None:
    application = HashServe(wrapped_application, tmp_path / "root", "/static/", check_interval=3600.0)
    built = BuiltTree(str(tmp_path / "root"))
    built.add("ten.txt", TEN)
    assert not is_immutable(request(application, url(built, "ten.txt")))
    built.publish()
    assert is_immutable(request(application, url(built, "ten.txt")))


def test_the_same_manifest_written_again_is_taken_over_quietly(
    application: HashServe, built: BuiltTree, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        wait_for_tick(built.root)
        built.publish()
        assert is_immutable(request(application, url(built, "ten.txt")))
    assert "not used" not in caplog.text


def test_a_new_manifest_is_logged_with_its_place_and_its_size(
    built: BuiltTree, caplog: pytest.LogCaptureFixture
) -> None:
    follower = ManifestFollower(built.root)
    follower.load()
    built.add("new.txt", b"new")
    built.publish()
    assert follower.check()
    assert caplog.messages == [f"following the new manifest {manifest_of(built)} (4 assets)"]
    assert (follower.reloads, follower.failures) == (1, 0)


def test_each_manifest_that_cannot_be_used_is_counted(built: BuiltTree) -> None:
    follower = ManifestFollower(built.root)
    follower.load()
    for text in (b"{", b"[]"):
        put(built.root, "staticfiles.json", text)
        assert not follower.check()
    assert (follower.reloads, follower.failures) == (0, 2)


def test_a_new_manifest_of_a_tool_is_taken_over_too(tmp_path: Any) -> None:
    follower = ManifestFollower(str(tmp_path))
    for name in ("app-0a1b2c3d.js", "app-4e5f6a7b.js"):
        put(tmp_path, name, b"")
        put(tmp_path, ".manifest.json", json.dumps({"app.js": name}).encode())
        assert follower.check()
        assert follower.manifest is not None
        assert follower.manifest.paths == {"app.js": name}


# Broken ones


def cut_in_half(text: bytes) -> bytes:
    return text[: len(text) // 2]


def emptied(text: bytes) -> bytes:
    return b""


def of_another_shape(text: bytes) -> bytes:
    return b'["paths"]'


def that_leaves_the_root(text: bytes) -> bytes:
    return b'{"paths": {"x": "../x.0123456789ab.txt"}, "version": "1.1"}'


def of_a_newer_format(text: bytes) -> bytes:
    document = json.loads(text)
    document["hashserve"]["format"] = 99
    return json.dumps(document).encode()


def nested_deeply(text: bytes) -> bytes:
    return b"[" * 100_000


def of_no_encoding(text: bytes) -> bytes:
    return b'{"paths": {"\xff": "\xff"}}'


def with_an_endless_number(text: bytes) -> bytes:
    return b'{"version": ' + b"9" * 10_000 + b"}"


def over_the_limits(text: bytes) -> bytes:
    return text.replace(b'"releases":[', b'"releases":[' + b"{}," * 500_001 + b"{},").replace(b"{},]", b"{}]")


BROKEN = [
    cut_in_half,
    emptied,
    of_another_shape,
    that_leaves_the_root,
    of_a_newer_format,
    nested_deeply,
    of_no_encoding,
    with_an_endless_number,
    over_the_limits,
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_manifest_changes_nothing_but_the_log(
    application: HashServe,
    built: BuiltTree,
    broken: Callable[[bytes], bytes],
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = {path: request(application, path) for path in map(built_url, built.names.values())}
    with open(manifest_of(built), "rb") as stream:
        whole = stream.read()
    wait_for_tick(built.root)
    put(built.root, "staticfiles.json", broken(whole))
    for _ in range(3):
        for path, reply in before.items():
            assert request(application, path) == reply
    assert caplog.text.count("is not used") == 1
    assert "staticfiles.json" in caplog.text
    wait_for_tick(built.root)
    put(built.root, "staticfiles.json", whole)
    assert {path: request(application, path) for path in before} == before
    assert caplog.text.count("is not used") == 1


def built_url(path: str) -> str:
    return f"/static/{path}"


@pytest.mark.parametrize("broken", BROKEN)
def test_a_manifest_that_is_broken_from_the_start_is_an_error(
    built: BuiltTree, broken: Callable[[bytes], bytes]
) -> None:
    with open(manifest_of(built), "rb") as stream:
        whole = stream.read()
    put(built.root, "staticfiles.json", broken(whole))
    with pytest.raises(ManifestError, match=r"staticfiles\.json"):
        HashServe(wrapped_application, built.root)


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_no_manifest(
    application: HashServe, built: BuiltTree, make: Callable[[str], None]
) -> None:
    os.unlink(manifest_of(built))
    make(manifest_of(built))
    assert is_immutable(request(application, url(built, "ten.txt")))
    named = ManifestFollower(built.root, "staticfiles.json")
    named.load()
    assert not named.check()
    assert (named.manifest, named.is_present) == (None, False)


@pytest.mark.parametrize("error", [PermissionError(13, "no"), FileNotFoundError(2, "gone")])
def test_a_manifest_that_cannot_be_read_is_an_error_at_the_start_unless_it_is_gone(
    built: BuiltTree, monkeypatch: pytest.MonkeyPatch, error: OSError, caplog: pytest.LogCaptureFixture
) -> None:
    follower = ManifestFollower(built.root)

    def failing(*arguments: Any, **keywords: Any) -> Any:
        raise error

    monkeypatch.setattr(follower_module, "_load", failing)
    if isinstance(error, PermissionError):
        with pytest.raises(ManifestError) as raised:
            follower.load()
        assert str(raised.value) == f"{manifest_of(built)}: cannot be read: no"
    else:
        follower.load()
    assert follower.manifest is None
    assert follower.check()  # it exists again, which is a change
    assert not follower.check()
    assert caplog.text.count("is not used") == 1
    monkeypatch.undo()
    wait_for_tick(built.root)
    built.publish()
    assert follower.check()
    assert follower.manifest is not None


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES])
def test_a_disk_that_fails_has_not_deleted_the_manifest(
    built: BuiltTree, monkeypatch: pytest.MonkeyPatch, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    follower, later = ManifestFollower(built.root), ManifestFollower(built.root)
    follower.load()

    def failing(*arguments: Any, **keywords: Any) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.stat", failing)
    later.load()
    changed = follower.check() or later.check()
    monkeypatch.undo()
    assert not changed
    assert (follower.is_present, later.is_present) == (True, False)
    assert later.check()
    assert not [record for record in caplog.records if record.levelname != "INFO"]


def test_a_manifest_that_could_not_be_read_for_want_of_a_descriptor_is_read_later(
    built: BuiltTree, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    follower = ManifestFollower(built.root)
    follower.load()
    wait_for_tick(built.root)
    built.add("new.txt", b"new")
    built.publish()

    def failing(*arguments: Any, **keywords: Any) -> Any:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(follower_module, "_load", failing)
    assert not any(follower.check() for _ in range(3))
    monkeypatch.undo()
    assert follower.check()
    assert follower.manifest is not None
    assert "new.txt" in follower.manifest.paths
    assert caplog.text.count("is not used") == 1


def test_a_manifest_that_goes_while_it_is_looked_for_is_no_error(
    built: BuiltTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = HashServe(wrapped_application, built.root, check_interval=0.0)

    def going(root: str) -> str:
        raise FileNotFoundError(2, "gone between the listing and the stat")

    monkeypatch.setattr(follower_module, "_manifest_in", going)
    assert is_immutable(request(application, url(built, "ten.txt")))


# Where the manifest is


def test_a_manifest_of_another_name_or_place_is_found_and_not_served(built: BuiltTree, tmp_path: Any) -> None:
    os.makedirs(os.path.join(built.root, "meta"))
    os.rename(manifest_of(built), os.path.join(built.root, "meta/assets.json"))
    link = tmp_path / "link-to-root"
    link.symlink_to(built.root)
    for root in (built.root, str(link)):
        for name in ("meta/assets.json", "./meta//assets.json", os.path.join(built.root, "meta/assets.json")):
            application = HashServe(wrapped_application, root, manifest=name)
            assert is_immutable(request(application, url(built, "ten.txt")))
            assert request(application, "/static/meta/assets.json").body == APPLICATION_BODY


def test_a_manifest_outside_of_the_root_is_followed(built: BuiltTree, tmp_path: Any) -> None:
    outside = tmp_path.parent / f"{tmp_path.name}.json"
    os.rename(manifest_of(built), outside)
    application = HashServe(wrapped_application, built.root, manifest=outside, check_interval=0.0)
    assert is_immutable(request(application, url(built, "ten.txt")))
    built.add("new.txt", b"new")
    built.manifest().write(outside)
    assert is_immutable(request(application, url(built, "new.txt")))
    outside.unlink()


def test_the_paths_of_a_tools_manifest_below_the_root_are_found(tmp_path: Any) -> None:
    root = str(tmp_path / "root")
    put(root, "dist/assets/main-DiwrgTda.js", b"js")
    document = {"src/main.ts": {"file": "assets/main-DiwrgTda.js", "src": "src/main.ts", "isEntry": True}}
    put(root, "dist/.vite/manifest.json", json.dumps(document).encode())
    application = HashServe(wrapped_application, root, "/static/", manifest="dist/.vite/manifest.json")
    assert is_immutable(request(application, "/static/dist/assets/main-DiwrgTda.js"))


# The folder deleted and brought back, as with nginx


def everything(application: HashServe, tree: BuiltTree) -> list[Reply]:
    paths = [*tree.names, *tree.names.values()]
    return [request(application, f"/static/{path}", accept_encoding="br") for path in paths]


@pytest.mark.parametrize("body_budget", [0, 64 << 20])
def test_a_deleted_folder_is_gone_and_serves_again_once_it_is_back(
    tmp_path: Any, body_budget: int, caplog: pytest.LogCaptureFixture
) -> None:
    tree = build_tree(str(tmp_path / "static"))
    application = HashServe(wrapped_application, tree.root, check_interval=0.0, body_budget=body_budget)
    before = everything(application, tree)
    assert all(reply.status == 200 and reply.body != APPLICATION_BODY for reply in before)
    shutil.rmtree(tree.root)
    for _ in range(2):
        for reply in everything(application, tree):
            assert is_clean_404(reply) or reply.body == APPLICATION_BODY
    assert caplog.text.count("is gone") == 1
    build_tree(str(tmp_path / "static"))
    after = everything(application, tree)
    assert [(reply.status, reply.body) for reply in after] == [(reply.status, reply.body) for reply in before]
    assert [reply["ETag"] for reply in after] == [reply["ETag"] for reply in before]


def test_a_folder_of_djangos_that_is_deleted_and_collected_again_with_other_content(tmp_path: Any) -> None:
    root = str(tmp_path / "static")
    put(root, "app.css", b"old")
    old = collect_as_django(root, ["app.css"])
    application = HashServe(wrapped_application, root, "/static/", check_interval=0.0)
    assert is_immutable(request(application, f"/static/{old['app.css']}"))
    shutil.rmtree(root)
    assert is_clean_404(request(application, f"/static/{old['app.css']}"))
    assert request(application, "/static/app.css").body == APPLICATION_BODY
    put(root, "app.css", b"new")
    new = collect_as_django(root, ["app.css"])
    assert application.url("app.css") == f"/static/{new['app.css']}"
    assert request(application, f"/static/{new['app.css']}").body == b"new"
    assert request(application, "/static/app.css").body == b"new"
    assert is_clean_404(request(application, f"/static/{old['app.css']}"))


def test_a_folder_that_is_moved_away_and_back_is_as_before(tmp_path: Any) -> None:
    tree = build_tree(str(tmp_path / "static"))
    application = HashServe(wrapped_application, tree.root, check_interval=0.0)
    before = everything(application, tree)
    os.rename(tree.root, tmp_path / "away")
    assert is_clean_404(request(application, url(tree, "ten.txt")))
    os.rename(tmp_path / "away", tree.root)
    assert everything(application, tree) == before
    assert everything(application, tree) == before  # from memory


def test_files_that_come_back_before_their_manifest_are_served_and_not_remembered(
    application: HashServe, built: BuiltTree
) -> None:
    os.rename(manifest_of(built), f"{manifest_of(built)}.away")
    for content in (TEN, None, TEN):
        if content is None:
            os.unlink(os.path.join(built.root, built.names["ten.txt"]))
        else:
            put(built.root, built.names["ten.txt"], content)
        reply = request(application, url(built, "ten.txt"))
        assert reply.body == content if content else is_clean_404(reply)
    os.rename(f"{manifest_of(built)}.away", manifest_of(built))
    assert is_immutable(request(application, url(built, "ten.txt")))
