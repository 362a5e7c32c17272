"""Requests that every server gets over a socket, and their expected responses.

Invariant: a row states the status; each field and each byte of the body must be those of the same application
in process (`tests.serve.test_conformance` compares these with the RFCs). A server may add the fields of
`SERVERS_OWN`; every other change is an `Interference`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from hashserve import HashServe
from tests.support.client import Reply, request
from tests.support.deltas import BROWSER, available_dictionary
from tests.support.trees import STYLES, TEN, BuiltTree
from tests.support.wire import Answer, written

__all__ = ["APP", "EXCHANGES", "OLD_APP", "SERVERS_OWN", "Exchange", "Oracle", "difference"]

OLD_APP = "".join(f".c{number} {{ margin: {number * 7919 % 9973}px }}\n" for number in range(300)).encode()
APP = OLD_APP + b".new { margin: 0 }\n"
"""A style sheet that is a dictionary, and its next version, which has a delta."""

SERVERS_OWN = frozenset({"date", "server", "connection", "keep-alive"})
"""Fields that the server sends (RFC 9110, sections 6.6.1, 10.2.4 and 7.6.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and the status of its response.

    In the target and in field values, ``{ten}``, ``{styles}``, ``{app}`` and ``{large}`` stand for URL paths
    of fingerprinted files, ``{etag}`` and ``{gzip}`` for entity-tags of the target's identity and gzip
    representations, ``{date}`` for its Last-Modified, and ``{dictionary}`` for the dictionary of a client
    that has the last version of ``{app}``.
    """

    group: str
    name: str
    target: str
    status: int
    method: str = "GET"
    fields: Mapping[str, str] = field(default_factory=dict)
    version: str = "1.1"
    body: bytes = b""


def _rows(group: str, target: str, rows: Mapping[str, tuple[int, Mapping[str, str]]]) -> list[Exchange]:
    return [
        Exchange(group=group, name=name, target=target, status=status, fields=fields)
        for name, (status, fields) in rows.items()
    ]


LIVE, UNKNOWN = "/static/ten.txt", "/static/css/styles.0123456789ab.css"
LONG_AGO, FUTURE = "Mon, 01 Jan 2001 00:00:00 GMT", "Thu, 01 Jan 2099 00:00:00 GMT"
PREFLIGHT = {"Origin": "https://example.org", "Access-Control-Request-Method": "GET"}

KINDS, METHODS, CODINGS, DELTAS = "kinds of path", "methods", "content negotiation", "deltas"
CONDITIONS, RANGES, PATHS, MESSAGES = "preconditions", "ranges", "odd paths", "messages"

_KINDS = [
    Exchange(group=KINDS, name=name, target=target, status=status)
    for name, target, status in (
        ("fingerprinted", "{styles}", 200),
        ("fingerprinted, from its file", "{large}", 200),
        ("unhashed name", LIVE, 200),
        ("unhashed name, 20 MB", "/static/large.bin", 200),
        ("unknown fingerprint", UNKNOWN, 404),
        ("nothing there", "/static/nothing.txt", 200),
        ("the application's", "/page?query=1", 200),
        ("with a query", "{ten}?query=1", 200),
        ("the manifest", "/static/staticfiles.json", 200),
        ("a dotfile", "/static/.secret", 200),
        ("a variant's own name", "/static/css/styles.css.br", 200),
    )
]

_METHODS = [
    Exchange(
        group=METHODS, name=f"{method}{name}", method=method, target=target, status=status, fields=fields
    )
    for method, name, target, status, fields in (
        ("HEAD", "", "{styles}", 200, {"Accept-Encoding": "br"}),
        ("HEAD", " of 20 MB", "{large}", 200, {}),
        ("HEAD", " with a range", "{large}", 200, {"Range": "bytes=0-9"}),
        ("HEAD", " of an unhashed name", LIVE, 200, {}),
        ("HEAD", " of nothing known", UNKNOWN, 404, {}),
        ("HEAD", " not modified", "{styles}", 304, {"If-None-Match": "{etag}"}),
        ("HEAD", " failed", "{styles}", 412, {"If-Match": '"nope"'}),
        ("HEAD", " of the application", "/page", 200, {}),
        ("OPTIONS", "", "{styles}", 204, {}),
        ("OPTIONS", ", preflight", "{styles}", 204, PREFLIGHT),
        (
            "OPTIONS",
            ", preflight with fields",
            "{styles}",
            204,
            {**PREFLIGHT, "Access-Control-Request-Headers": "x-a, range"},
        ),
        ("POST", "", "{styles}", 405, {"Content-Length": "0"}),
        ("PUT", "", "{styles}", 405, {"Content-Length": "0"}),
        ("DELETE", "", "{styles}", 405, {}),
        ("PATCH", "", LIVE, 405, {"Content-Length": "0"}),
        ("PROPFIND", "", "{styles}", 405, {}),
        ("TRACE", "", "{styles}", 405, {}),
        ("UNHEARD", "", "{styles}", 405, {}),
    )
]

ACCEPTED = (
    *("br", "gzip", "GZIP", "x-gzip", "gzip, deflate, br, zstd", "gzip;q=0", "br;q=0, *", "x-gzip-really"),
    *("gzip;q=0.001, identity;q=1", "identity;q=0", "gzip;q=wrong, br"),
)
_CODINGS = [
    *_rows(CODINGS, "{styles}", {repr(value): (200, {"Accept-Encoding": value}) for value in ACCEPTED}),
    *_rows(CODINGS, "/static/css/styles.css", {"br of an unhashed name": (200, {"Accept-Encoding": "br"})}),
]

DICTIONARY = {"Accept-Encoding": BROWSER, "Available-Dictionary": "{dictionary}"}
NO_CORS = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
_DELTAS = [
    *_rows(
        DELTAS,
        "{app}",
        {
            "a delta": (200, DICTIONARY),
            "a delta, not modified": (304, {**DICTIONARY, "If-None-Match": "{etag}"}),
            "a range for a client with a dictionary": (206, {**DICTIONARY, "Range": "bytes=1-4"}),
            "no delta for another site": (200, {**DICTIONARY, **NO_CORS}),
            "an unknown dictionary": (
                200,
                {**DICTIONARY, "Available-Dictionary": available_dictionary(b"unknown")},
            ),
            "a dictionary of 8 kB": (200, {**DICTIONARY, "Available-Dictionary": ":" + "A" * 8000 + ":"}),
        },
    ),
    Exchange(
        group=DELTAS, name="HEAD of a delta", method="HEAD", target="{app}", status=200, fields=DICTIONARY
    ),
]

_CONDITIONS = [
    *_rows(
        CONDITIONS,
        "{styles}",
        {
            "If-None-Match: *": (304, {"If-None-Match": "*"}),
            "If-None-Match": (304, {"If-None-Match": "{etag}"}),
            "If-None-Match, weak": (304, {"If-None-Match": "W/{etag}"}),
            "If-None-Match, a list": (304, {"If-None-Match": '"zz", {etag}'}),
            "If-None-Match of gzip's tag": (304, {"If-None-Match": "{gzip}", "Accept-Encoding": "br, gzip"}),
            "If-None-Match of another": (200, {"If-None-Match": '"zz"'}),
            "If-Match": (200, {"If-Match": "{etag}"}),
            "If-Match of another": (412, {"If-Match": '"nope"'}),
            "If-Match, weak": (412, {"If-Match": "W/{etag}"}),
        },
    ),
    *_rows(
        CONDITIONS,
        LIVE,
        {
            "If-Modified-Since": (304, {"If-Modified-Since": "{date}"}),
            "If-Modified-Since, before": (200, {"If-Modified-Since": LONG_AGO}),
            "If-Modified-Since, no such form": (200, {"If-Modified-Since": "1 Jan 2099 00:00:00"}),
            "If-Modified-Since, with a zone": (200, {"If-Modified-Since": "Thu, 01 Jan 2099 00:00:00 +0800"}),
            "If-Unmodified-Since": (200, {"If-Unmodified-Since": FUTURE}),
            "If-Unmodified-Since, before": (412, {"If-Unmodified-Since": LONG_AGO}),
        },
    ),
    Exchange(
        group=CONDITIONS,
        name="not modified, 20 MB",
        target="{large}",
        status=304,
        fields={"If-None-Match": "{etag}"},
    ),
]

_RANGES = [
    *_rows(
        RANGES,
        "{ten}",
        {
            f"bytes={value}": (status, {"Range": f"bytes={value}"})
            for value, status in {
                **dict.fromkeys(("0-0", "-1", "9-", "3-6", "5-99", "0-"), 206),
                **dict.fromkeys(("-0", "10-", "10-20, 30-"), 416),
                **dict.fromkeys(("5-2", "--5", "1_0-2_0", " 0-1x"), 200),
            }.items()
        },
    ),
    *_rows(
        RANGES,
        "{large}",
        {
            "of 20 MB": (206, {"Range": "bytes=10000000-10000009"}),
            "the end of 20 MB": (206, {"Range": "bytes=-5000001"}),
            "beyond 20 MB": (416, {"Range": "bytes=99999999-"}),
            "several of 20 MB": (206, {"Range": "bytes=100-199, 5000000-5999999, -10"}),
            "If-Range": (206, {"Range": "bytes=5-9", "If-Range": "{etag}"}),
            "If-Range, stale": (200, {"Range": "bytes=5-9", "If-Range": '"stale"'}),
            "If-Range, a stale date": (200, {"Range": "bytes=5-9", "If-Range": LONG_AGO}),
        },
    ),
    *_rows(
        RANGES,
        "{ten}",
        {"several": (206, {"Range": "bytes=0-1, -2"}), "another unit": (200, {"Range": "items=0-1"})},
    ),
    *_rows(RANGES, "{styles}", {"of a coding": (206, {"Range": "bytes=1-4", "Accept-Encoding": "gzip"})}),
    *_rows(
        RANGES,
        "/static/large.bin",
        {
            "of an unhashed name": (206, {"Range": "bytes=1048575-1048577"}),
            "several of an unhashed name": (206, {"Range": "bytes=0-0, 7000000-7999999"}),
        },
    ),
]

RAW, LONG = "/static/\xc3\xa9.txt", "/static/" + "x" * 300
NAMED = {RAW: "/static/é.txt, not encoded", LONG: "a name of 300 characters"}

_PATHS = [
    Exchange(group=PATHS, name=NAMED.get(target, target), target=target, status=200)
    for target in (
        *(
            "/static/%C3%A9.txt",
            "/static/%c3%a9.txt",
            "/static/a%20b.txt",
            "/static/t%65n.txt",
            "/static/ten%2Etxt",
        ),
        *("/%73tatic/ten.txt", "/static/css%2Fstyles.css", "/static%2Ften.txt", "/static/../secret.txt"),
        *("/static/%2e%2e/secret.txt", "/static/..%2fsecret.txt", "/static/..%5csecret.txt"),
        *("/static/css/../../secret.txt", "/static/css/../ten.txt", "/static/./ten.txt", "/static//ten.txt"),
        *(
            "//static/ten.txt",
            "/static/ten.txt%00",
            "/static/ten.txt%00.css",
            "/static/%252e%252e/secret.txt",
        ),
        *(
            "/static/e%CC%81.txt",
            "/static/%E9.txt",
            "/static/ten.txt%",
            "/static/ten.txt%zz",
            "/static/ten.txt/",
        ),
        *("/static/css", "/static/css/", RAW, "/static/ten.txt;x", LONG),
    )
]

_MESSAGES = [
    Exchange(group=MESSAGES, name="HTTP/1.0", target="{styles}", status=200, version="1.0"),
    Exchange(group=MESSAGES, name="HTTP/1.0, 20 MB", target="{large}", status=200, version="1.0"),
    Exchange(
        group=MESSAGES,
        name="HTTP/1.0, a range",
        target="{ten}",
        status=206,
        version="1.0",
        fields={"Range": "bytes=2-5"},
    ),
    Exchange(
        group=MESSAGES,
        name="HTTP/1.0, not modified",
        target="{ten}",
        status=304,
        version="1.0",
        fields={"If-None-Match": "*"},
    ),
    Exchange(
        group=MESSAGES,
        name="HTTP/1.0, kept",
        target="{ten}",
        status=200,
        version="1.0",
        fields={"Connection": "keep-alive"},
    ),
    Exchange(
        group=MESSAGES, name="Connection: close", target="{ten}", status=200, fields={"Connection": "close"}
    ),
    Exchange(group=MESSAGES, name="absolute form", target="http://localhost{ten}", status=200),
    Exchange(
        group=MESSAGES,
        name="a body that nobody reads",
        method="POST",
        target="{ten}",
        status=405,
        fields={"Content-Length": "5"},
        body=b"hello",
    ),
    Exchange(
        group=MESSAGES,
        name="Expect: 100-continue, with a body",
        method="PUT",
        target="{ten}",
        status=405,
        fields={"Content-Length": "5", "Expect": "100-continue"},
        body=b"hello",
    ),
    Exchange(group=MESSAGES, name="asterisk form", target="*", status=200, method="OPTIONS"),
    *_rows(
        MESSAGES,
        "{styles}",
        {
            "Accept-Encoding of 8 kB": (200, {"Accept-Encoding": ("x," * 4096)[:8000] + "gzip"}),
            "If-None-Match of 8 kB": (304, {"If-None-Match": '"zz", ' * 1350 + "{etag}"}),
            "a cookie of 8 kB": (200, {"Cookie": "c=" + "x" * 8000}),
            "Range of 8 kB": (200, {"Range": "bytes=" + ",".join(["0-0"] * 2000)}),
            "Expect: 100-continue, no body": (200, {"Expect": "100-continue"}),
            "Expect of something else": (200, {"Expect": "tea"}),
        },
    ),
]

EXCHANGES = (*_KINDS, *_METHODS, *_CODINGS, *_DELTAS, *_CONDITIONS, *_RANGES, *_PATHS, *_MESSAGES)


class Oracle:
    """The application in process, over the same tree. Servers must return its responses."""

    def __init__(self, application: HashServe, tree: BuiltTree) -> None:
        self._application = application
        self._names = {
            "ten": f"/static/{tree.names['ten.txt']}",
            "styles": f"/static/{tree.names['css/styles.css']}",
            "large": f"/static/{tree.names['large.bin']}",
            "app": f"/static/{tree.names['css/app.css']}",
        }

    def target(self, exchange: Exchange) -> str:
        """Return the request's target."""
        return exchange.target.format(**self._names)

    def fields(self, exchange: Exchange) -> dict[str, str]:
        """Return the request's fields."""
        if not any("{" in value for value in exchange.fields.values()):
            return dict(exchange.fields)
        path = self._path(exchange)
        plain = self._ask(path)
        known = {
            "etag": plain["ETag"],
            "gzip": self._ask(path, accept_encoding="gzip")["ETag"],
            "date": (plain.all("Last-Modified") or [""])[0],
            "dictionary": available_dictionary(OLD_APP),
        }
        return {name: value.format(**known) for name, value in exchange.fields.items()}

    def request(self, exchange: Exchange) -> bytes:
        """Write the request."""
        return written(
            exchange.method,
            self.target(exchange),
            self.fields(exchange),
            version=exchange.version,
            body=exchange.body,
        )

    def answer(self, exchange: Exchange) -> Reply:
        """Return the expected response."""
        fields = self.fields(exchange).items()
        named = {name.lower().replace("-", "_"): value for name, value in fields if name != "Content-Length"}
        return self._ask(self._path(exchange), method=exchange.method, **named)

    def _path(self, exchange: Exchange) -> bytes:
        target = self.target(exchange).removeprefix("http://localhost").partition("?")[0]
        return unquote_to_bytes(target.encode("latin-1")) if target != "*" else b""

    def _ask(self, path: bytes, *, method: str = "GET", **fields: str) -> Reply:
        environ = {"PATH_INFO": path.decode("latin-1")}
        return request(self._application, "", environ, method=method, **fields)


CONTENTS = {
    b"the application's own": "the application's",
    TEN: "the file",
    STYLES: "the file",
    b"": "no body",
}


def difference(expected: Reply, answer: Answer) -> str:
    """Return what differs: an empty text, another status, the origin of the body, or fields."""
    if answer.status != expected.status:
        return str(answer.status)
    if answer.body != expected.body:
        return CONTENTS.get(answer.body, f"{len(answer.body)} bytes instead of {len(expected.body)}")
    wanted = {name.lower(): value for name, value in expected.headers}
    found = {
        name: value for name, value in answer.fields.items() if name not in SERVERS_OWN or name in wanted
    }
    if "vary" in found:  # Apache writes the list without spaces, which means the same (section 5.6.1)
        found["vary"] = re.sub(r",\s*", ", ", found["vary"])
    differences = [f"no {name}" for name in sorted(wanted.keys() - found.keys())]
    differences += [f"{name}: {found[name]}" for name in sorted(found) if found[name] != wanted.get(name)]
    return ", ".join(differences)
