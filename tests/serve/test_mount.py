"""A mount: which file a path names, and which path a name has today."""

from __future__ import annotations

import os
from hashlib import md5
from typing import Any

import pytest

from hashserve.digests import digest_of
from hashserve.manifest.model import Manifest
from hashserve.serve.body_cache import BodyCache
from hashserve.serve.inspection import Root
from hashserve.serve.mount import FingerprintedMatch, LiveMatch, Match, Mount, RedirectMatch
from hashserve.serve.policy import IMMUTABLE, Policy
from hashserve.settings.serve import ServeSettings
from tests.support.files import put
from tests.support.trees import STYLES, TEN, BuiltTree

FINGERPRINTED = "none.0123456789ab.css"


def mount_of(
    root: str | os.PathLike[str],
    prefix: str | None = "/static/",
    *,
    settings: dict[str, Any] | None = None,
    **arguments: Any,
) -> Mount:
    bodies = BodyCache(1_000_000, 100_000)
    given = ServeSettings(**(settings or {}))
    return Mount(Root(os.path.join(root, "")), prefix, given, Policy(), bodies, **arguments)


def cache_control(match: Match | None) -> str:
    assert isinstance(match, (FingerprintedMatch, LiveMatch))
    return dict(match.asset.fields)["Cache-Control"]


# Fingerprinted files before live ones


def test_a_path_that_the_manifest_lists_is_fingerprinted(built: BuiltTree) -> None:
    path = built.names["ten.txt"]
    found = mount_of(built.root).find(path, "")
    assert isinstance(found, FingerprintedMatch)
    assert (found.path, found.asset.sha256) == (path, digest_of([TEN]))
    assert cache_control(found) == IMMUTABLE


def test_any_other_file_is_live_and_watched(built: BuiltTree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashserve.serve.live_files.SETTLED_AFTER", -1)
    found = mount_of(built.root).find("ten.txt", "")
    assert isinstance(found, LiveMatch)
    assert found.watched is not None
    assert found.watched.location == os.path.join(built.root, "ten.txt")
    assert cache_control(found) == "public, max-age=60"


def test_a_live_file_that_looks_fingerprinted_is_not_watched(
    built: BuiltTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashserve.serve.live_files.SETTLED_AFTER", -1)
    put(built.root, FINGERPRINTED, b"")
    found = mount_of(built.root).find(FINGERPRINTED, "")
    assert isinstance(found, LiveMatch)
    assert found.watched is None


def test_a_path_without_a_file_names_nothing(built: BuiltTree) -> None:
    mount = mount_of(built.root)
    assert mount.find("none.txt", "") is None
    assert mount.find("css", "") is None


def test_without_a_manifest_to_follow_every_file_is_live(built: BuiltTree) -> None:
    mount = mount_of(built.root, follows_manifest=False)
    assert isinstance(mount.find(built.names["ten.txt"], ""), LiveMatch)
    assert (mount.table, mount.may_remember, mount.follow()) == (None, False, False)
    assert not mount.may_become_listed("a.0123456789ab.css")


# The manifest


def test_the_given_prefix_goes_before_the_one_in_the_manifest(built: BuiltTree) -> None:
    assert mount_of(built.root, "/given/").prefix == "/given/"
    assert mount_of(built.root, None).prefix == "/static/"
    assert mount_of(os.path.join(built.root, "css"), None).prefix == "/"


def test_a_prefix_that_the_manifest_brings_is_that_of_live_files_too(built: BuiltTree) -> None:
    policy = Policy(is_immutable=lambda path, url: url == "/static/ten.txt")
    mount = Mount(
        Root(os.path.join(built.root, "")), None, ServeSettings(), policy, BodyCache(1_000_000, 100_000)
    )
    assert cache_control(mount.find("ten.txt", "")) == IMMUTABLE


def test_a_named_manifest_that_is_not_there_is_logged(
    built: BuiltTree, caplog: pytest.LogCaptureFixture
) -> None:
    root = os.path.join(built.root, "css")
    mount_of(root, manifest_name="none.json")
    expected = f"there is no manifest none.json in {root}/ yet; until there is one, no file is immutable"
    assert caplog.messages == [expected]


def test_a_manifest_that_is_there_is_not_logged(built: BuiltTree, caplog: pytest.LogCaptureFixture) -> None:
    mount_of(built.root, manifest_name="staticfiles.json")
    mount_of(os.path.join(built.root, "css"))
    assert caplog.messages == []


def test_a_named_manifest_is_hidden(built: BuiltTree) -> None:
    os.rename(os.path.join(built.root, "staticfiles.json"), os.path.join(built.root, "list.json"))
    assert mount_of(built.root, manifest_name="list.json").find("list.json", "") is None
    assert mount_of(built.root).find("list.json", "") is not None


def test_a_new_manifest_is_taken_over_once(built: BuiltTree) -> None:
    mount = mount_of(built.root)
    assert (mount.follow(), mount.reloads) == (False, (0, 0))
    path = built.add("new.txt", b"new")
    built.publish()
    assert (mount.follow(), mount.reloads) == (True, (1, 0))
    assert isinstance(mount.find(path, ""), FingerprintedMatch)


def test_after_the_manifest_was_deleted_no_body_is_kept(built: BuiltTree) -> None:
    mount = mount_of(built.root)
    before = mount.may_remember
    os.unlink(os.path.join(built.root, "staticfiles.json"))
    assert mount.follow()
    assert (before, mount.may_remember) == (True, False)
    assert isinstance(mount.find(built.names["ten.txt"], ""), FingerprintedMatch)


def test_the_manifest_is_found_at_its_own_path_only_where_it_is_published(built: BuiltTree) -> None:
    path = ".well-known/hashserve.json"
    assert mount_of(built.root).find(path, "") is None
    published = mount_of(built.root, settings={"publish_manifest": True})
    assert cache_control(published.find(path, "")) == "no-store"
    assert published.find("staticfiles.json", "") is None
    os.unlink(os.path.join(built.root, "staticfiles.json"))
    assert published.find(path, "") is None


# Index files


@pytest.fixture
def indexed(built: BuiltTree) -> Mount:
    """Return a mount with an index file at its top, in ``css`` and in a folder with a colon."""
    for folder in ("", "css/", "ab:c/"):
        put(built.root, f"{folder}index.html", folder.encode())
    put(built.root, "none/a.txt", b"")
    return mount_of(built.root, settings={"index_file": True})


@pytest.mark.parametrize(("path", "folder"), [("", b""), ("css/", b"css/"), ("ab:c/", b"ab:c/")])
def test_an_index_file_is_at_its_folders_url(indexed: Mount, path: str, folder: bytes) -> None:
    found = indexed.find(path, "")
    assert isinstance(found, LiveMatch)
    assert found.asset.sha256 == digest_of([folder])


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("index.html", "./"),
        ("css/index.html", "./"),
        ("css", "css/"),
        ("ab:c", "./ab:c/"),  # not a scheme
        ("none/index.html", None),
        ("none/", None),
        ("none", None),
    ],
)
def test_other_urls_of_an_index_file_lead_to_it(indexed: Mount, path: str, location: str | None) -> None:
    found = indexed.find(path, "")
    assert found == (None if location is None else RedirectMatch(location))


def test_next_to_index_files_other_files_are_found(indexed: Mount) -> None:
    assert isinstance(indexed.find("ten.txt", ""), LiveMatch)
    assert indexed.find("ten.txt/", "") is None
    assert indexed.find("nothing", "") is None


def test_the_prefix_without_its_slash_leads_to_its_index(indexed: Mount, built: BuiltTree) -> None:
    assert indexed.find_at_prefix("") == RedirectMatch("static/")
    assert mount_of(built.root).find_at_prefix("") is None
    os.unlink(os.path.join(built.root, "index.html"))
    assert indexed.find_at_prefix("") is None


def test_a_prefix_of_several_folders_leads_to_its_last(built: BuiltTree) -> None:
    put(built.root, "index.html", b"")
    mount = mount_of(built.root, "/a/b X/", settings={"index_file": True})
    assert mount.find_at_prefix("") == RedirectMatch("b%20X/")


# Queries that are fingerprints


def versioned(root: str, query: str) -> Mount:
    """Return a mount whose manifest states the query string of ``a.js``."""
    put(root, "a.js", b"app")
    Manifest(paths={}, files={}, codings=(), created=1, queries={"a.js": query}).write(
        os.path.join(root, "staticfiles.json")
    )
    return mount_of(root)


DIGEST = md5(b"app", usedforsecurity=False).hexdigest()


@pytest.mark.parametrize("query", [f"id={DIGEST}", f"id={DIGEST[:8]}"])
def test_a_query_that_is_the_start_of_the_md5_makes_a_file_immutable(tmp_path: Any, query: str) -> None:
    mount = versioned(str(tmp_path), query)
    assert cache_control(mount.find("a.js", query)) == IMMUTABLE
    assert mount.url("a.js") == f"/static/a.js?{query}"


@pytest.mark.parametrize(
    ("listed", "query"),
    [
        (f"id={DIGEST}", ""),
        (f"id={DIGEST}", f"id={DIGEST[:8]}"),  # not the listed one
        (f"id={DIGEST[:7]}", f"id={DIGEST[:7]}"),  # too short to prove anything
        ("id=00000000", "id=00000000"),
        ("id", "id"),
        (f"v=1&id={DIGEST}", f"v=1&id={DIGEST}"),
    ],
)
def test_any_other_query_makes_no_file_immutable(tmp_path: Any, listed: str, query: str) -> None:
    found = versioned(str(tmp_path), listed).find("a.js", query)
    assert cache_control(found) == "public, max-age=60"


def test_such_a_query_counts_where_index_files_are_served_too(tmp_path: Any) -> None:
    for name in ("index.html", "a.js"):
        put(tmp_path, name, b"app")
    queries = {"index.html": f"id={DIGEST}", "a.js": f"id={DIGEST}"}
    Manifest(paths={}, files={}, codings=(), created=1, queries=queries).write(
        os.path.join(tmp_path, "staticfiles.json")
    )
    mount = mount_of(tmp_path, settings={"index_file": True})
    for path in ("", "a.js"):
        assert cache_control(mount.find(path, f"id={DIGEST}")) == IMMUTABLE


def test_a_file_that_a_query_may_make_immutable_is_not_watched(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashserve.serve.live_files.SETTLED_AFTER", -1)
    found = versioned(str(tmp_path), f"id={DIGEST}").find("a.js", "")
    assert isinstance(found, LiveMatch)
    assert found.watched is None


# Names that look fingerprinted


def test_an_unlisted_fingerprint_is_one_by_its_name_below_a_prefix_of_its_own(built: BuiltTree) -> None:
    mount = mount_of(built.root)
    assert mount.is_unlisted_fingerprint(FINGERPRINTED)
    assert not mount.is_unlisted_fingerprint("none.css")
    assert not mount.is_unlisted_fingerprint(f".git/{FINGERPRINTED}")
    assert not mount_of(built.root, "/").is_unlisted_fingerprint(FINGERPRINTED)


def test_a_live_file_may_become_listed_where_it_looks_so_and_there_is_a_manifest(built: BuiltTree) -> None:
    mount, plain = mount_of(built.root), mount_of(os.path.join(built.root, "css"))
    assert mount.may_become_listed(FINGERPRINTED)
    assert not mount.may_become_listed("none.css")
    assert not plain.may_become_listed(FINGERPRINTED)
    put(built.root, "css/staticfiles.json", b"{}")  # the first one, which is not read yet
    assert plain.may_become_listed(FINGERPRINTED)


def test_todays_path_is_that_of_the_same_logical_path(built: BuiltTree) -> None:
    mount, today = mount_of(built.root), built.names["ten.txt"]
    assert mount.current_path("ten.0123456789ab.txt") == today
    assert mount.current_path(today) is None
    assert mount.current_path("ten.txt") is None
    assert mount.current_path(FINGERPRINTED) is None
    assert mount_of(built.root, follows_manifest=False).current_path("ten.0123456789ab.txt") is None


# URLs and digests


def test_a_url_is_todays_path_below_the_prefix(built: BuiltTree) -> None:
    put(built.root, "a b.txt", b"")
    mount = mount_of(built.root)
    assert mount.url("ten.txt") == f"/static/{built.names['ten.txt']}"
    assert mount.url("a b.txt") == "/static/a%20b.txt"
    assert mount_of(built.root, follows_manifest=False).url("ten.txt") == "/static/ten.txt"


@pytest.mark.parametrize("path", ["none.txt", "css", "staticfiles.json", ".git/config", "../ten.txt"])
def test_what_is_not_served_has_no_url(built: BuiltTree, path: str) -> None:
    put(built.root, ".git/config", b"")
    assert mount_of(built.root).url(path) is None


def test_a_url_of_a_file_in_another_folder_is_found_there(built: BuiltTree, tmp_path: Any) -> None:
    elsewhere = put(tmp_path / "elsewhere", "a.txt", b"")
    places = {"a.txt": os.fspath(elsewhere)}
    mount = mount_of(built.root, follows_manifest=False, locate=places.get)
    assert mount.url("a.txt") == "/static/a.txt"
    assert mount.url("ten.txt") is None


def test_a_digest_is_that_of_the_listed_file_or_of_the_one_on_disk(built: BuiltTree) -> None:
    put(built.root, "live.txt", b"live")
    mount = mount_of(built.root)
    for name in ("css/styles.css", built.names["css/styles.css"]):
        os.unlink(os.path.join(built.root, name))
    assert mount.digest("css/styles.css") == digest_of([STYLES])
    assert mount.digest("live.txt") == digest_of([b"live"])
    assert mount.digest("css") is None
    assert mount.digest("none.txt") is None
    assert mount_of(built.root, follows_manifest=False).digest("ten.txt") == digest_of([TEN])
