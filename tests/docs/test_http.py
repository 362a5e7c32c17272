"""The page about HTTP: each test that it names exists, and it lists every status and field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hashserve import HashServe
from hashserve.http.responses import unavailable
from hashserve.serve.policy import Policy
from tests.proofs import PROJECT, names_of_tests
from tests.support.client import Reply, request, wrapped_application
from tests.support.deltas import BROWSER, three_releases
from tests.support.files import put
from tests.support.trees import BuiltTree

PAGE = (PROJECT / "docs" / "http.md").read_text(encoding="utf-8")
UNKNOWN = "/static/css/styles.0123456789ab.css"


def cells(line: str) -> list[str]:
    """Return the cells of a row of a table."""
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def rows(head: str) -> list[list[str]]:
    """Return the cells of each row of the tables whose head starts with ``head``."""
    tables = re.findall(
        rf"^\| {re.escape(head)} \|.*\n\| ---.*\n((?:\|.*\n)+)", PAGE + "\n", flags=re.MULTILINE
    )
    return [cells(line) for table in tables for line in table.splitlines()]


SECTIONS = rows("section")
STATUSES = {int(row[0]): row[2] for row in rows("status")}


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+)`", PAGE))))
def test_every_test_that_is_named_is_there(name: str) -> None:
    assert name in names_of_tests()


def test_whatever_hashserve_does_or_does_not_do_is_shown_by_a_test() -> None:
    assert len(SECTIONS) > 60
    for section, state, _, shown in SECTIONS:
        assert state == "by the server" or re.match("done|ignored|with `|\\*\\*not done", state), section
        assert "`test_" in shown or (state == "by the server" and shown == ""), section
    assert all("`test_" in row[3] for row in rows("status"))


# Statuses and fields


def test_every_status_is_one_of_the_page_and_none_besides() -> None:
    folders = [PROJECT / "hashserve" / name for name in ("serve", "http")]
    sources = "".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.glob("*.py"))
    phrases = {
        "OK": 200,
        "NO_CONTENT": 204,
        "PARTIAL_CONTENT": 206,
        "FOUND": 302,
        "NOT_MODIFIED": 304,
        "NOT_FOUND": 404,
        "METHOD_NOT_ALLOWED": 405,
        "PRECONDITION_FAILED": 412,
        "REQUESTED_RANGE_NOT_SATISFIABLE": 416,
        "SERVICE_UNAVAILABLE": 503,
    }
    used = set(re.findall(r"HTTPStatus\.([A-Z_]+)", sources))
    assert {phrases[phrase] for phrase in used} == STATUSES.keys()


ASKED: list[tuple[str, int, dict[str, Any]]] = [
    ("{styles}", 200, {}),
    ("{styles}", 200, {"accept_encoding": "br"}),
    ("/static/live.txt", 200, {}),
    ("{styles}", 204, {"method": "OPTIONS"}),
    (
        "{styles}",
        204,
        {
            "method": "OPTIONS",
            "origin": "https://example.org",
            "access_control_request_method": "GET",
            "access_control_request_headers": "range",
        },
    ),
    ("{styles}", 206, {"range": "bytes=0-0"}),
    ("{styles}", 206, {"range": "bytes=0-0,5-5"}),
    ("/static/live.txt", 206, {"range": "bytes=0-0"}),
    ("/static/folder", 302, {}),
    (UNKNOWN, 302, {}),
    ("{styles}", 304, {"if_none_match": "*"}),
    ("/static/live.txt", 304, {"if_none_match": "*"}),
    ("/static/css/none.0123456789ab.css", 404, {}),
    ("{styles}", 405, {"method": "POST"}),
    ("{styles}", 412, {"if_match": '"nope"'}),
    ("{styles}", 416, {"range": "bytes=99999-"}),
]
"""Requests whose responses together have every field, and their statuses."""


def answers(tree: BuiltTree, **settings: Any) -> list[Reply]:
    """Send all requests, and return their responses and that of a failing machine."""
    put(tree.root, "live.txt", b"live")
    put(tree.root, "folder/index.html", b"<p>")
    application = HashServe(
        wrapped_application, tree.root, "/static/", index_file=True, on_unknown="redirect", **settings
    )
    styles = f"/static/{tree.names['css/styles.css']}"
    given = [request(application, path.format(styles=styles), **fields) for path, _, fields in ASKED]
    assert [reply.status for reply in given] == [status for _, status, _ in ASKED]
    failed = unavailable(Policy().common_fields())
    return [*given, Reply(status=failed.status, headers=failed.headers, body=b"")]


def test_each_status_has_the_lifetime_that_the_page_gives_it(built: BuiltTree) -> None:
    given: dict[int, set[str]] = {}
    for reply in answers(built):
        given.setdefault(reply.status, set()).update(reply.all("Cache-Control") or ["none"])
    files = {"public, max-age=31536000, immutable", "public, max-age=60"}
    meant = {
        "the file's": files,
        "none": {"none"},
        "`no-store`": {"no-store"},
        "`max_age`; `no-store`": {"public, max-age=60", "no-store"},
    }
    for status, told in STATUSES.items():
        assert given[status] == meant[told]


def listed(start: str) -> set[str]:
    """Return the field names in the paragraph of the page with this start."""
    (paragraph,) = re.findall(rf"^{re.escape(start)}([^.]+)\.", PAGE, flags=re.MULTILINE)
    return {re.sub(r"\(.*\)", "", name).strip().lower() for name in paragraph.split(",")}


def test_the_page_has_every_field_that_is_sent(built: BuiltTree, tmp_path: Path) -> None:
    tree = three_releases(tmp_path / "deltas")
    application = HashServe(wrapped_application, tree.root)
    path, offered = tree.url("css/app.css"), tree.dictionary("css/app.css", 0)
    delta = request(application, path, accept_encoding=BROWSER, available_dictionary=offered)
    assert delta["Content-Encoding"] == "dcz"
    given = [*answers(built, expires=True), delta]
    sent = {name.lower() for reply in given for name, _ in reply.headers}
    assert sent == listed("It sends these fields, and no others:")


def test_the_page_has_every_field_that_is_read() -> None:
    source = (PROJECT / "hashserve" / "gateways" / "wsgi.py").read_text(encoding="utf-8")
    read = {name.replace("_", "-").lower() for name in re.findall(r'"HTTP_([A-Z_]+)"', source)}
    assert read == listed("hashserve reads these fields of a request, and no others:")
