"""Real caches in front of the middleware: clients request every URL while three releases are deployed.

Invariant: every response is compared byte by byte with the files of the builds. `INTERFERENCE` names the
allowed differences between each cache and the origin; any other difference is a defect.
``HASHSERVE_SOAK=1`` runs the long form.
"""

from __future__ import annotations

import os
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import pytest

from tests.support.concurrent_clients import running_clients
from tests.support.proxies import (
    PAGE,
    Cache,
    HAProxyBalancer,
    HAProxyCache,
    NginxBalancer,
    NginxCache,
    Squid,
    TrafficServer,
    Varnish,
    snippets,
)
from tests.support.releases import CHANGING, PREFIX, ExpectedResponses, Releases, Representation, get
from tests.support.served_root import RawConnection, RawResponse, ServedRoot
from tests.support.services import running
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

SOAK = os.environ.get("HASHSERVE_SOAK") == "1"
ANSWERS = 10_000 if SOAK else 400
"""The number of responses for each release."""

CLIENTS = 3
PAUSE = 0.0 if SOAK else 0.005
"""The pause of a client after a request, in seconds, because the machine also runs builds."""

IMMUTABLE = "public, max-age=31536000, immutable"
UNHASHED = "public, max-age=1"
UNKNOWN_TAG = '"0123456789abcdef"'
"""An entity-tag that no representation has."""

ACCEPTED: dict[str | None, str] = {
    None: "",
    "": "",
    "identity": "",
    "gzip": "gzip",
    "GZIP": "gzip",
    "br": "br",
    "gzip, deflate": "gzip",
    "gzip, deflate, br, zstd": "br gzip",
    "br;q=1.0, gzip;q=0.8, *;q=0.1": "br gzip",
    "gzip;q=0": "",
    "br;q=0, gzip": "gzip",
    "br;q=0,gzip;q=0": "",
    "gzip;q=0, br": "br",
    "gzip;q=0.000, identity": "",
    "br;q=0, *": "gzip",
}
"""Values of Accept-Encoding, with the accepted codings other than identity."""

RANGES = ["bytes=0-0", "bytes=7-99", "bytes=-20", "bytes=20-", "bytes=1000-1999", "bytes=99999999-"]
SEVERAL_RANGES = ["bytes=0-9,40-59", "bytes=-5,0-0", "bytes=5-6, 100-120, 30-33"]


# Requests


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request. Its path is fingerprinted, unhashed, upcoming (of the next release) or unknown."""

    path: str
    kind: str
    method: str = "GET"
    accepted: str | None = None
    range: str | None = None
    if_range: str | None = None
    if_none_match: str | None = None

    def encoded(self) -> bytes:
        """Return the bytes of the request."""
        return get(
            self.path,
            method=self.method,
            Accept_Encoding=self.accepted,
            Range=self.range,
            If_Range=self.if_range,
            If_None_Match=self.if_none_match,
        )

    def accepts(self, coding: str) -> bool:
        """Return whether the client accepts a coding."""
        return coding == "identity" or coding in ACCEPTED[self.accepted].split()


def random_request(
    choice: random.Random, expected: ExpectedResponses, unknown: list[str], upcoming: list[str]
) -> Request:
    """Return a random request, mostly for files of this release and earlier ones."""
    kind = choice.choices(
        ["fingerprinted", "unhashed", "unknown", "upcoming"], [70, 15, 8, 7 if upcoming else 0]
    )[0]
    paths = {
        "fingerprinted": expected.fingerprinted,
        "unhashed": expected.unhashed,
        "unknown": unknown,
        "upcoming": upcoming,
    }
    request = Request(path=choice.choice(paths[kind]), kind=kind, accepted=choice.choice([*ACCEPTED]))
    if kind in ("unknown", "upcoming"):
        return request
    tags = [*expected.tags(request.path), UNKNOWN_TAG]
    tag = choice.choice(tags)
    fields: dict[str, dict[str, str]] = {
        "whole": {},
        "head": {"method": "HEAD"},
        "head of a range": {"method": "HEAD", "range": "bytes=0-9"},
        "range": {"range": choice.choice(RANGES)},
        "several": {"range": choice.choice(SEVERAL_RANGES)},
        "if-range": {"range": choice.choice(RANGES[:5]), "if_range": tag},
        "if-none-match": {"if_none_match": choice.choice([tag, f"W/{tag}", f"{UNKNOWN_TAG}, {tag}"])},
    }
    form = choice.choices([*fields], [40, 6, 2, 18, 8, 8, 18])[0]
    return replace(request, **fields[form])


# Differences from the origin

WHOLE = "whole file for a range"
WHOLE_FOR_SEVERAL = "whole file for several ranges"
DECODED = "gzip decoded for clients without gzip, its tag made weak"
OTHER_CODING = "304 for the tag of a coding that the client does not accept"
PART_FOR_HEAD = "206 to a HEAD with Range"
EARLY = "lifetime of an unhashed name, if requested during the deploy"
SEVERAL_416 = "416 to several ranges of which some are satisfiable"
OWN_416 = "416 of the cache's own, without the length"
PREVIOUS_CONTENT = "range of an unhashed name compared with its previous content"
IF_RANGE_IGNORED = "part sent although If-Range names another representation"


def faults(request: Request, answer: RawResponse, expected: ExpectedResponses) -> Iterator[str]:
    """Yield the differences from the origin."""
    if answer.status == 404:
        yield from faults_of_miss(request, answer)
    elif request.kind == "unknown":
        yield f"{answer.status} for a path that never existed"
    elif answer.status == 304:
        yield from faults_of_304(request, answer, expected)
    elif answer.status in (200, 206, 416):
        yield from faults_of_representation(request, answer, expected)
    else:
        yield f"status {answer.status}"


def faults_of_miss(request: Request, answer: RawResponse) -> Iterator[str]:
    if request.kind in ("fingerprinted", "unhashed"):
        yield "404 for a retained file"
    elif answer.fields.get("cache-control") != "no-store":
        yield "404 without no-store"


def faults_of_304(request: Request, answer: RawResponse, expected: ExpectedResponses) -> Iterator[str]:
    asked = {tag.strip().removeprefix("W/") for tag in (request.if_none_match or "").split(",")}
    known = [expected.by_tag[request.path][tag] for tag in asked & {*expected.tags(request.path)}]
    if not known:
        yield "304 for a tag of no representation"
    elif not any(request.accepts(one.coding) for one in known):
        yield OTHER_CODING
    if answer.fields.get("etag", "").removeprefix("W/") not in {"", *asked}:
        yield "304 with a tag that the request does not name"


def faults_of_representation(
    request: Request, answer: RawResponse, expected: ExpectedResponses
) -> Iterator[str]:
    if answer.status == 416:
        yield from faults_of_416(request, answer, expected)
        return
    tagged = expected.representation(request.path, answer)
    coding = answer.fields.get("content-encoding", "identity")
    found = tagged and expected.in_coding(tagged, coding)
    if tagged is None or found is None:
        yield f"{answer.status} without a known tag"
        return
    if not request.accepts(coding):
        yield f"{coding} for {request.accepted!r}"
    if coding != tagged.coding:
        yield DECODED if is_decoded(answer, coding, tagged) else f"{coding} with the tag of {tagged.coding}"
    yield from faults_of_fields(request, answer, expected)
    if answer.status == 200:
        yield from faults_of_whole(request, answer, found)
    else:
        yield from faults_of_parts(request, answer, found, expected)


def is_decoded(answer: RawResponse, coding: str, found: Representation) -> bool:
    return coding == "identity" and found.coding == "gzip" and answer.fields["etag"].startswith("W/")


def faults_of_416(request: Request, answer: RawResponse, expected: ExpectedResponses) -> Iterator[str]:
    sizes = {len(one.body) for one in expected.by_tag[request.path].values() if request.accepts(one.coding)}
    if all(spans(request, size) for size in sizes):
        yield (
            SEVERAL_416
            if request.range in SEVERAL_RANGES
            else or_previous_content(request, expected, "416 for a satisfiable range")
        )
    if answer.fields.get("content-range") not in {f"bytes */{size}" for size in sizes}:
        yield "416 with a wrong length" if "content-range" in answer.fields else OWN_416


def faults_of_fields(request: Request, answer: RawResponse, expected: ExpectedResponses) -> Iterator[str]:
    control = answer.fields.get("cache-control")
    if request.kind != "unhashed" and control == UNHASHED:
        yield EARLY
    elif request.kind != "unhashed" and control != IMMUTABLE:
        yield f"Cache-Control: {control}"
    if request.kind == "unhashed" and control != UNHASHED:
        yield f"Cache-Control: {control} for an unhashed name"
    if (
        control == IMMUTABLE
        and expected.has_variants(request.path)
        and "accept-encoding" not in answer.fields.get("vary", "").lower()
    ):
        yield "no Vary"


def faults_of_whole(request: Request, answer: RawResponse, found: Representation) -> Iterator[str]:
    length = answer.fields.get("content-length")
    if length not in (None, str(len(found.body))):
        yield f"a length of {length}"
    if request.method == "HEAD":
        return
    if answer.body != found.body:
        yield "wrong bytes"
    if expects_part(request, found):
        yield WHOLE_FOR_SEVERAL if request.range in SEVERAL_RANGES else WHOLE


def expects_part(request: Request, found: Representation) -> bool:
    """Return whether a 206 is expected: If-Range matches, and the range is satisfiable and not the whole."""
    asked = spans(request, len(found.body))
    wanted = sum(last - first + 1 for first, last in asked)
    return request.if_range in (None, found.etag) and 0 < wanted < len(found.body)


def spans(request: Request, size: int) -> list[tuple[int, int]]:
    """Return first and last position of each satisfiable range."""
    asked = []
    for part in (request.range or "").removeprefix("bytes=").split(",") if request.range else ():
        first, _, last = part.strip().partition("-")
        start = int(first) if first else max(0, size - int(last))
        asked.append((start, min(int(last), size - 1) if first and last else size - 1))
    return [(start, end) for start, end in asked if start < size]


def faults_of_parts(
    request: Request, answer: RawResponse, found: Representation, expected: ExpectedResponses
) -> Iterator[str]:
    if request.if_range not in (None, found.etag):
        yield or_previous_content(request, expected, IF_RANGE_IGNORED)
    size = len(found.body)
    if request.method == "HEAD":
        yield PART_FOR_HEAD
        return
    given = parts_of(answer)
    ranges = sorted(content_range for content_range, _ in given)
    if ranges != sorted(f"bytes {first}-{last}/{size}" for first, last in spans(request, size)):
        yield or_previous_content(request, expected, f"parts {ranges}")
    if any(body != found.body[slice(*slice_of(content_range))] for content_range, body in given):
        yield "wrong bytes in a part"


def or_previous_content(request: Request, expected: ExpectedResponses, fault: str) -> str:
    """Return the fault, or `PREVIOUS_CONTENT` if the cache may have compared an older content."""
    return PREVIOUS_CONTENT if request.kind == "unhashed" or request.path in expected.early else fault


def slice_of(content_range: str) -> tuple[int, int]:
    first, last = content_range.removeprefix("bytes ").partition("/")[0].split("-")
    return int(first), int(last) + 1


def parts_of(answer: RawResponse) -> list[tuple[str, bytes]]:
    """Return Content-Range and content of each part."""
    if "content-range" in answer.fields:
        return [(answer.fields["content-range"], answer.body)]
    boundary = answer.fields.get("content-type", "").partition("boundary=")[2].strip('"').encode()
    parts = []
    for part in re.split(rb"(?:\A|\r\n)--" + re.escape(boundary), answer.body)[1:-1]:
        head, _, body = part.partition(b"\r\n\r\n")
        found = re.search(rb"(?im)^content-range: *(.*?)\r?$", head)
        parts.append((found[1].decode() if found else "", body))
    return parts


# Clients


@dataclass(kw_only=True)
class Clients:
    """Clients that send requests to a cache until the test ends; equal bodies are stored once."""

    cache: Cache
    expected: ExpectedResponses
    unknown: list[str]
    upcoming: list[str] = field(default_factory=list)
    exchanges: list[tuple[Request, RawResponse]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _bodies: dict[bytes, bytes] = field(default_factory=dict)
    _is_over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Run the clients inside the context; their errors are kept in ``problems``."""
        with running_clients(CLIENTS, self._send_until_over, self._is_over):
            yield

    def ask(self, connection: RawConnection, request: Request) -> RawResponse:
        """Send one request and record the response."""
        answer = connection.ask(request.encoded())
        answer = replace(answer, body=self._bodies.setdefault(answer.body, answer.body))
        self.exchanges.append((request, answer))
        return answer

    def wait_for(self, count: int) -> None:
        """Wait for a number of further responses. Fail if none arrives for a while."""
        enough = len(self.exchanges) + count
        while len(self.exchanges) < enough and not self.problems:
            wait_until(partial(self._has_more_than, len(self.exchanges)))
        assert self.problems == []

    def _has_more_than(self, count: int) -> bool:
        return bool(self.problems) or len(self.exchanges) > count

    def _send_until_over(self, choice: random.Random) -> None:
        try:
            with RawConnection(self.cache.port) as connection:
                while not self._is_over.is_set():
                    self.ask(connection, random_request(choice, self.expected, self.unknown, self.upcoming))
                    time.sleep(PAUSE)
        except Exception as error:  # noqa: BLE001  # the test reports it
            self.problems.append(repr(error))

    def found(self) -> Counter[str]:
        """Count the differences from the origin."""
        return Counter(
            fault for asked, given in self.exchanges for fault in faults(asked, given, self.expected)
        )

    def examples(self, fault: str) -> list[str]:
        """Return the exchanges with a difference, for the message of a failure."""
        return [
            f"{fault}: {asked} {given.status} {dict(given.fields)}"
            for asked, given in self.exchanges
            if fault in faults(asked, given, self.expected)
        ]

    def summary(self) -> str:
        """Count the responses by status and by coding, and the hits."""
        statuses = Counter(given.status for _, given in self.exchanges)
        codings = Counter(
            given.fields.get("content-encoding", "identity")
            for _, given in self.exchanges
            if given.status in (200, 206)
        )
        return f"{len(self.exchanges)} answers, {self.hits()} hits; {dict(statuses)}; {dict(codings)}"

    def hits(self) -> int:
        """Count the hits."""
        return sum(self.cache.is_hit(given.fields) for _, given in self.exchanges)


# Caches

CACHES: dict[str, tuple[type[Cache], tuple[str, ...]]] = {
    "nginx": (NginxCache, ()),
    "Varnish": (Varnish, ("-p", "http_gzip_support=off")),
    "Varnish with its defaults": (Varnish, ()),
    "Squid": (Squid, ()),
    "HAProxy": (HAProxyCache, ()),
    "Apache Traffic Server": (TrafficServer, ()),
}
INTERFERENCE: dict[str, set[str]] = {
    "nginx": {PART_FOR_HEAD, WHOLE_FOR_SEVERAL},
    "Varnish": {PART_FOR_HEAD, WHOLE_FOR_SEVERAL, SEVERAL_416},
    "Varnish with its defaults": {
        PART_FOR_HEAD,
        WHOLE,
        WHOLE_FOR_SEVERAL,
        SEVERAL_416,
        DECODED,
        OTHER_CODING,
    },
    "Squid": set(),
    "HAProxy": {WHOLE, WHOLE_FOR_SEVERAL, "gzip for 'gzip;q=0.000, identity'", OTHER_CODING},
    "Apache Traffic Server": {WHOLE_FOR_SEVERAL, OWN_416, PREVIOUS_CONTENT},
}
"""The allowed differences of each cache from the origin. `EARLY` is allowed for every cache."""


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    """A site with its first release."""
    os.chmod(tmp_path, 0o755)
    releases = Releases(tmp_path)
    releases.change()
    releases.build()
    return releases


@pytest.mark.parametrize("name", CACHES)
def test_every_response_over_three_releases_is_correct(name: str, releases: Releases, tmp_path: Path) -> None:
    make, options = CACHES[name]
    expected = ExpectedResponses(root=releases.root)
    with (
        running(ServedRoot(tmp_path / "origin", str(releases.root), {"max_age": 1})) as origin,
        running(make(tmp_path / "cache", origin.address, options)) as cache,
    ):
        expected.add_release(origin.port)
        never = [path.replace(".", ".0123456789ab.", 1) for path in expected.unhashed]
        clients = Clients(cache=cache, expected=expected, unknown=never)
        with clients.sending():
            clients.wait_for(ANSWERS)
            for _ in range(2):
                deploy(releases, clients)
                expected.add_release(origin.port)
                clients.wait_for(ANSWERS)
                assert_unhashed_names_are_current(clients)
                assert_early_paths_are_immutable(clients)
    print(f"caches: {name}: {clients.summary()}; {dict(clients.found())}")
    unexplained = {*clients.found()} - INTERFERENCE[name] - {EARLY}
    assert not unexplained, "\n".join(clients.examples(fault)[0] for fault in unexplained)
    assert clients.hits() > len(clients.exchanges) // 4


def deploy(releases: Releases, clients: Clients) -> None:
    """Deploy the next release. Its URLs are requested before, and must be there right after the build."""
    releases.change()
    clients.upcoming = sorted(releases.upcoming())
    clients.expected.early.update(clients.upcoming)
    requests = [
        Request(path=path, kind="upcoming", accepted=accepted)
        for path in clients.upcoming
        for accepted in (None, "br", "gzip", "gzip, deflate, br, zstd")
    ]
    assert len(requests) >= 4 * len(CHANGING)
    with RawConnection(clients.cache.port) as connection:
        for request in requests * 2:
            assert clients.ask(connection, request).status == 404
        releases.build()
        for request in requests:
            assert clients.ask(connection, replace(request, kind="fingerprinted")).status == 200
    clients.upcoming = []


def assert_unhashed_names_are_current(clients: Clients) -> None:
    """Wait until the cache has the current content of the unhashed names."""
    with RawConnection(clients.cache.port) as connection:
        for path in CHANGING:
            now = (clients.expected.root / path).read_bytes()
            request = Request(path=PREFIX + path, kind="unhashed")
            wait_until(partial(has_body, clients, connection, request, now))


def has_body(clients: Clients, connection: RawConnection, request: Request, body: bytes) -> bool:
    return clients.ask(connection, request).body == body


def assert_early_paths_are_immutable(clients: Clients) -> None:
    """Wait until the URLs that were requested during the deploy are immutable."""
    with RawConnection(clients.cache.port) as connection:
        for path in sorted(clients.expected.early):
            wait_until(partial(is_immutable, clients, connection, Request(path=path, kind="fingerprinted")))


def is_immutable(clients: Clients, connection: RawConnection, request: Request) -> bool:
    return clients.ask(connection, request).fields["cache-control"] == IMMUTABLE


# The page


def test_every_configuration_of_the_page_is_tested() -> None:
    used = {make.title for make, _ in CACHES.values()} | {HAProxyBalancer.title, NginxBalancer.title}
    assert used == {*snippets()}


def test_the_page_has_the_options_of_varnish() -> None:
    assert f"`{' '.join(CACHES['Varnish'][1])}`" in PAGE.read_text(encoding="utf-8")
