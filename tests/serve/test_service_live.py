"""A service and live files: what is recalled of them, and that every change on disk is seen."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import brotli
import pytest

from hashserve.http.messages import Headers, Request
from hashserve.serve import live_files as live_module
from hashserve.serve.service import Service
from hashserve.settings.serve import ServeSettings
from tests.support.files import put
from tests.support.trees import TEN, BuiltTree

Fields = dict[str, str]

BEFORE = b"body { color: teal }\n" * 100
AFTER = b"body { color: plum }\n" * 100
PATH = "/static/css/plain.css"
BROTLI = {"HTTP_ACCEPT_ENCODING": "br"}


def copier(headers: Headers) -> Callable[[], Fields]:
    return dict(headers).copy


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every file count as one that changed long ago, so that no test waits."""
    monkeypatch.setattr(live_module, "SETTLED_AFTER", -1)


def service_of(*roots: str | os.PathLike[str], **settings: object) -> Service[Fields]:
    service = Service(ServeSettings.of({"check_interval": 3600, **settings}), copier)
    for root in roots:
        service.site.add(root, "/static/")
    return service


def ask(service: Service[Fields], path: str, **fields: str) -> tuple[int, bytes] | None:
    """Ask the service itself, without the memo."""
    answer = service.answer(Request("GET", path, **fields))
    if answer is None:
        return None
    return answer.response.status, b"".join(part for part in answer.response.body if isinstance(part, bytes))


def recalled(
    service: Service[Fields], path: str, fields: dict[str, str] | None = None
) -> tuple[int, bytes] | None:
    """Ask the memo alone."""
    found = service.memo.recall_live(path, "GET", fields or {})
    return None if found is None else (found[0], b"".join(found[2]))


@pytest.fixture
def root(tmp_path: Path) -> str:
    """A root with a style sheet and its variants, and one without."""
    folder = str(tmp_path / "root")
    for name in ("css/styles.css", "css/plain.css"):
        put(folder, name, BEFORE)
    put(folder, "css/styles.css.br", brotli.compress(BEFORE), age=30)
    put(folder, "css/styles.css.gz", gzip.compress(BEFORE), age=30)
    return folder


def test_an_unchanged_file_is_recalled(root: str) -> None:
    service = service_of(root)
    assert recalled(service, PATH) is None
    assert ask(service, PATH) == recalled(service, PATH) == (200, BEFORE)


def test_a_variant_is_recalled_for_who_takes_it(root: str) -> None:
    service = service_of(root)
    path = "/static/css/styles.css"
    ask(service, path, accept_encoding="br")
    assert recalled(service, path) is None
    assert recalled(service, path, BROTLI) == (200, brotli.compress(BEFORE))


# The method, the fields (`{etag}` stands for the entity-tag), and the status that is recalled.
RECALLED: list[tuple[str, dict[str, str], int | None]] = [
    ("GET", {}, 200),
    ("HEAD", {}, 200),
    ("GET", {"HTTP_IF_NONE_MATCH": "{etag}"}, 304),
    ("HEAD", {"HTTP_IF_NONE_MATCH": "{etag}"}, 304),
    ("GET", {"HTTP_IF_NONE_MATCH": "{etag}", "HTTP_IF_MODIFIED_SINCE": "x"}, 304),
    ("GET", {"HTTP_IF_NONE_MATCH": '"other"', "HTTP_IF_MODIFIED_SINCE": "x"}, None),
    ("GET", {"HTTP_IF_NONE_MATCH": "*"}, None),
    ("GET", {"HTTP_ACCEPT_ENCODING": "gzip"}, None),
    ("GET", {"HTTP_RANGE": "bytes=0-1"}, None),
    ("GET", {"HTTP_IF_MATCH": "*"}, None),
    ("GET", {"HTTP_IF_MODIFIED_SINCE": "x"}, None),
    ("GET", {"HTTP_IF_UNMODIFIED_SINCE": "x"}, None),
    ("POST", {}, None),
    ("OPTIONS", {}, None),
]


@pytest.mark.parametrize(("method", "fields", "status"), RECALLED)
def test_only_what_path_and_accept_encoding_decide_is_recalled(
    root: str, method: str, fields: dict[str, str], status: int | None
) -> None:
    service = service_of(root)
    answer = service.answer(Request("GET", PATH))
    assert answer is not None
    etag = dict(answer.response.headers)["ETag"]
    asked = {name: value.format(etag=etag) for name, value in fields.items()}
    found = service.memo.recall_live(PATH, method, asked)
    assert (found and found[0]) == status
    if found is not None:
        assert found[2] == ((BEFORE,) if (method, status) == ("GET", 200) else ())


def in_place(root: str) -> None:
    with open(os.path.join(root, "css/plain.css"), "r+b") as stream:
        stream.write(AFTER)


def by_rename(root: str) -> None:
    location = put(root, "css/new", AFTER)
    status = os.stat(os.path.join(root, "css/plain.css"))
    os.utime(location, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.replace(location, os.path.join(root, "css/plain.css"))


def cut_short(root: str) -> None:
    os.truncate(os.path.join(root, "css/plain.css"), 7)


def deleted(root: str) -> None:
    os.unlink(os.path.join(root, "css/plain.css"))


def folder_renamed(root: str) -> None:
    os.rename(os.path.join(root, "css"), os.path.join(root, "old"))
    put(root, "css/plain.css", AFTER)


def made_a_folder(root: str) -> None:
    deleted(root)
    os.mkdir(os.path.join(root, "css/plain.css"))


def root_deleted(root: str) -> None:
    shutil.rmtree(root)


CHANGES: list[tuple[Callable[[str], None], tuple[int, bytes] | None]] = [
    (in_place, (200, AFTER)),
    (by_rename, (200, AFTER)),
    (cut_short, (200, BEFORE[:7])),
    (deleted, None),
    (folder_renamed, (200, AFTER)),
    (made_a_folder, None),
    (root_deleted, None),
]


@pytest.mark.parametrize(("change", "expected"), CHANGES, ids=[change.__name__ for change, _ in CHANGES])
def test_whatever_changes_on_disk_is_seen_at_the_next_request(
    root: str, change: Callable[[str], None], expected: tuple[int, bytes] | None
) -> None:
    service = service_of(root)
    ask(service, PATH)
    assert recalled(service, PATH) == (200, BEFORE)
    change(root)
    assert recalled(service, PATH) is None
    assert ask(service, PATH) == expected
    assert recalled(service, PATH) == expected


def test_a_variant_that_comes_is_seen(root: str) -> None:
    service = service_of(root)
    ask(service, PATH, accept_encoding="br")
    assert recalled(service, PATH, BROTLI) == (200, BEFORE)
    put(root, "css/plain.css.br", brotli.compress(BEFORE), age=30)
    assert recalled(service, PATH, BROTLI) is None
    assert ask(service, PATH, accept_encoding="br") == (200, brotli.compress(BEFORE))


def test_a_folder_in_the_place_of_a_variant_is_as_if_nothing_were_there(root: str) -> None:
    os.mkdir(os.path.join(root, "css/plain.css.br"))
    service = service_of(root)
    ask(service, PATH, accept_encoding="br")
    assert recalled(service, PATH, BROTLI) == (200, BEFORE)


@pytest.mark.parametrize("name", ["css/styles.css.br", "css/styles.css.gz"])
def test_a_variant_that_changes_or_goes_is_seen_whichever_was_sent(root: str, name: str) -> None:
    service, path = service_of(root), "/static/css/styles.css"
    for change in (lambda: put(root, name, b"broken", age=30), lambda: os.unlink(os.path.join(root, name))):
        ask(service, path, accept_encoding="br")
        assert recalled(service, path, BROTLI) is not None
        change()
        assert recalled(service, path, BROTLI) is None


def test_a_link_that_leads_elsewhere_is_seen(root: str, tmp_path: Path) -> None:
    put(root, "other/plain.css", AFTER)
    os.symlink("css", os.path.join(root, "current"))
    service, path = service_of(root), "/static/current/plain.css"
    ask(service, path)
    assert recalled(service, path) == (200, BEFORE)
    os.unlink(os.path.join(root, "current"))
    os.symlink("other", os.path.join(root, "current"))
    assert recalled(service, path) is None
    assert ask(service, path) == (200, AFTER)


def test_a_link_that_comes_to_leave_the_root_is_refused(root: str, tmp_path: Path) -> None:
    put(str(tmp_path), "outside/plain.css", AFTER)
    os.symlink("css", os.path.join(root, "current"))
    service, path = service_of(root), "/static/current/plain.css"
    ask(service, path)
    os.unlink(os.path.join(root, "current"))
    os.symlink(tmp_path / "outside", os.path.join(root, "current"))
    assert recalled(service, path) is None
    assert ask(service, path) == (404, b"404 Not Found\n")


def test_a_file_in_a_folder_that_is_asked_first_takes_over(root: str, tmp_path: Path) -> None:
    first = tmp_path / "first"
    first.mkdir()
    service = service_of(root, first)
    assert ask(service, PATH) == (200, BEFORE)
    assert recalled(service, PATH) is None
    put(str(first), "css/plain.css", AFTER)
    assert ask(service, PATH) == recalled(service, PATH) == (200, AFTER)


def test_a_file_changed_lately_is_not_recalled(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_module, "SETTLED_AFTER", 2_000_000_000)
    service = service_of(root)
    ask(service, PATH)
    assert recalled(service, PATH) is None


# Paths whose answer depends on more than the file and its variants.
UNRECALLED = ("css/jquery.0123456789ab.css", "css/lone.css.gz", "css/staticfiles.json")


@pytest.mark.parametrize("name", UNRECALLED)
def test_what_may_come_to_be_refused_or_listed_is_not_recalled(root: str, name: str) -> None:
    put(root, name, BEFORE)
    service = service_of(root)
    assert ask(service, f"/static/{name}") == (200, BEFORE)
    assert recalled(service, f"/static/{name}") is None


def test_an_index_file_is_recalled_at_its_folder(root: str) -> None:
    put(root, "css/index.html", BEFORE)
    service = service_of(root, index_file="index.html")
    ask(service, "/static/css/")
    assert recalled(service, "/static/css/") == (200, BEFORE)
    put(root, "css/index.html", AFTER)
    assert ask(service, "/static/css/") == recalled(service, "/static/css/") == (200, AFTER)


def test_nothing_is_recalled_past_the_time_to_look_for_a_manifest(root: str) -> None:
    service = service_of(root)
    ask(service, PATH)
    service.memo.due = 0.0
    assert recalled(service, PATH) is None


def test_nothing_is_recalled_once_a_manifest_came(tmp_path: Path) -> None:
    tree = BuiltTree(str(tmp_path))
    tree.add("ten.txt", TEN)
    service = service_of(tmp_path)
    ask(service, "/static/ten.txt")
    assert recalled(service, "/static/ten.txt") == (200, TEN)
    tree.publish()
    assert service.site.follow()
    assert recalled(service, "/static/ten.txt") is None


def test_a_body_that_memory_has_no_room_for_is_not_recalled(root: str) -> None:
    service = service_of(root, largest_body=100)
    answer = service.answer(Request("GET", PATH))
    assert answer is not None
    assert answer.descriptor is not None
    os.close(answer.descriptor)
    assert recalled(service, PATH) is None


def test_memory_stays_within_its_bounds_whatever_is_asked(root: str) -> None:
    service = service_of(root, memo_size=10)
    for number in range(100):
        ask(service, PATH, accept_encoding=f"x{number}")
    assert sum(map(len, service.memo.live.values())) <= 10


def test_what_is_answered_anew_takes_no_more_room(root: str) -> None:
    service = service_of(root, memo_size=3)
    ask(service, "/static/css/styles.css")
    for number in range(20):
        put(root, "css/plain.css", b"%d" % number)
        ask(service, PATH)
    assert recalled(service, "/static/css/styles.css") == (200, BEFORE)


def test_nothing_is_remembered_that_would_never_be_recalled(root: str) -> None:
    for is_recalled, service in ((True, service_of(root)), (False, service_of(root))):
        service.remembers_live = is_recalled
        ask(service, PATH)
        assert bool(service.memo.live) == is_recalled
    service = Service(ServeSettings(check_interval=0), copier)
    service.site.add(root, "/static/")
    ask(service, PATH)
    assert not service.memo.live


def test_a_hidden_file_that_a_link_leads_to_is_not_recalled(root: str) -> None:
    put(root, "staticfiles.json", b'{"version": "1.1", "paths": {}}')
    os.symlink(".", os.path.join(root, "loop"))
    service = service_of(root)
    assert ask(service, "/static/loop/staticfiles.json") is None
    assert recalled(service, "/static/loop/staticfiles.json") is None
