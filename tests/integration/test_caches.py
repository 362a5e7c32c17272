"""Real caches in front: clients request everything while three releases are deployed behind them.

Invariant: every response is compared byte by byte with the files that the builds left on disk. Where a
cache may differ from the origin, `INTERFERENCE` names the difference; any other one is a defect.
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

from tests.fuzz.serving import Raw, ServedRoot, Wire
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
from tests.support.releases import CHANGING, PREFIX, Releases, Representation, Truth, get
from tests.support.services import running
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

SOAK = os.environ.get("HASHSERVE_SOAK") == "1"
ANSWERS = 10_000 if SOAK else 400
"""The number of responses to wait for in each release."""

CLIENTS = 3
PAUSE = 0.0 if SOAK else 0.005
"""The pause of a client after a request, in seconds: the machine also runs builds."""

IMMUTABLE = "public, max-age=31536000, immutable"
LIVING = "public, max-age=1"
NOTHINGS = '"0123456789abcdef"'
"""An entity-tag of no representation."""

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
"""Values of Accept-Encoding, and the codings that they accept besides identity."""

RANGES = ["bytes=0-0", "bytes=7-99", "bytes=-20", "bytes=20-", "bytes=1000-1999", "bytes=99999999-"]
SEVERAL = ["bytes=0-9,40-59", "bytes=-5,0-0", "bytes=5-6, 100-120, 30-33"]


# What is asked


@dataclass(frozen=True, kw_only=True)
class Question:
    """A request; ``kind`` is that of its path: fingerprinted, unhashed, of the next release, or unknown."""

    path: str
    kind: str
    method: str = "GET"
    accepted: str | None = None
    range: str | None = None
    if_range: str | None = None
    if_none_match: str | None = None

    def request(self) -> bytes:
        """Return its bytes."""
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


def drawn(choice: random.Random, truth: Truth, unknown: list[str], foreseen: list[str]) -> Question:
    """Draw a request, mostly for files of this release and of earlier ones."""
    kind = choice.choices(["lasting", "living", "unknown", "foreseen"], [70, 15, 8, 7 if foreseen else 0])[0]
    paths = {"lasting": truth.lasting, "living": truth.living, "unknown": unknown, "foreseen": foreseen}
    question = Question(path=choice.choice(paths[kind]), kind=kind, accepted=choice.choice([*ACCEPTED]))
    if kind in ("unknown", "foreseen"):
        return question
    tags = [*truth.tags(question.path), NOTHINGS]
    tag = choice.choice(tags)
    fields: dict[str, dict[str, str]] = {
        "whole": {},
        "head": {"method": "HEAD"},
        "head of a range": {"method": "HEAD", "range": "bytes=0-9"},
        "range": {"range": choice.choice(RANGES)},
        "several": {"range": choice.choice(SEVERAL)},
        "if-range": {"range": choice.choice(RANGES[:5]), "if_range": tag},
        "if-none-match": {"if_none_match": choice.choice([tag, f"W/{tag}", f"{NOTHINGS}, {tag}"])},
    }
    form = choice.choices([*fields], [40, 6, 2, 18, 8, 8, 18])[0]
    return replace(question, **fields[form])


# Faults, and differences from the origin

WHOLE = "whole file for a range"
WHOLE_OF_SEVERAL = "whole file for several ranges"
DECODED = "gzip decoded for clients without gzip, its tag made weak"
OTHER_CODING = "304 for the tag of a coding that the client does not accept"
HEAD_OF_PART = "206 to a HEAD with Range"
EARLY = "lifetime of an unhashed name, if requested during the deploy"
SEVERAL_416 = "416 to several ranges of which some are satisfiable"
PLAIN_416 = "416 of the cache's own, without the length"
OF_BEFORE = "range of an unhashed name compared with its previous content"
UNLOCKED = "part sent although If-Range names another representation"


def faults(question: Question, answer: Raw, truth: Truth) -> Iterator[str]:
    """Yield the differences from the origin."""
    if answer.status == 404:
        yield from faults_of_miss(question, answer)
    elif question.kind == "unknown":
        yield f"{answer.status} for what never was"
    elif answer.status == 304:
        yield from faults_of_304(question, answer, truth)
    elif answer.status in (200, 206, 416):
        yield from faults_of_representation(question, answer, truth)
    else:
        yield f"status {answer.status}"


def faults_of_miss(question: Question, answer: Raw) -> Iterator[str]:
    if question.kind in ("lasting", "living"):
        yield "404 for what is retained"
    elif answer.fields.get("cache-control") != "no-store":
        yield "a 404 that may be stored"


def faults_of_304(question: Question, answer: Raw, truth: Truth) -> Iterator[str]:
    asked = {tag.strip().removeprefix("W/") for tag in (question.if_none_match or "").split(",")}
    known = [truth.by_tag[question.path][tag] for tag in asked & {*truth.tags(question.path)}]
    if not known:
        yield "a 304 though the client has nothing of it"
    elif not any(question.accepts(one.coding) for one in known):
        yield OTHER_CODING
    if answer.fields.get("etag", "").removeprefix("W/") not in {"", *asked}:
        yield "a 304 with a tag that was not asked about"


def faults_of_representation(question: Question, answer: Raw, truth: Truth) -> Iterator[str]:
    if answer.status == 416:
        yield from faults_of_416(question, answer, truth)
        return
    tagged = truth.representation(question.path, answer)
    coding = answer.fields.get("content-encoding", "identity")
    found = tagged and truth.in_coding(tagged, coding)
    if tagged is None or found is None:
        yield f"{answer.status} without a known tag"
        return
    if not question.accepts(coding):
        yield f"{coding} for who says {question.accepted!r}"
    if coding != tagged.coding:
        yield DECODED if is_decoded(answer, coding, tagged) else f"{coding} with the tag of {tagged.coding}"
    yield from faults_of_fields(question, answer, truth)
    if answer.status == 200:
        yield from faults_of_whole(question, answer, found)
    else:
        yield from faults_of_parts(question, answer, found, truth)


def is_decoded(answer: Raw, coding: str, found: Representation) -> bool:
    return coding == "identity" and found.coding == "gzip" and answer.fields["etag"].startswith("W/")


def faults_of_416(question: Question, answer: Raw, truth: Truth) -> Iterator[str]:
    sizes = {len(one.body) for one in truth.by_tag[question.path].values() if question.accepts(one.coding)}
    if all(spans(question, size) for size in sizes):
        yield (
            SEVERAL_416 if question.range in SEVERAL else of_before(question, truth, "416 for what is there")
        )
    if answer.fields.get("content-range") not in {f"bytes */{size}" for size in sizes}:
        yield "416 with a wrong length" if "content-range" in answer.fields else PLAIN_416


def faults_of_fields(question: Question, answer: Raw, truth: Truth) -> Iterator[str]:
    control = answer.fields.get("cache-control")
    if question.kind != "living" and control == LIVING:
        yield EARLY
    elif question.kind != "living" and control != IMMUTABLE:
        yield f"Cache-Control: {control}"
    if question.kind == "living" and control != LIVING:
        yield f"Cache-Control: {control} of what changes"
    if (
        control == IMMUTABLE
        and truth.has_variants(question.path)
        and "accept-encoding" not in answer.fields.get("vary", "").lower()
    ):
        yield "no Vary"


def faults_of_whole(question: Question, answer: Raw, found: Representation) -> Iterator[str]:
    length = answer.fields.get("content-length")
    if length not in (None, str(len(found.body))):
        yield f"a length of {length}"
    if question.method == "HEAD":
        return
    if answer.body != found.body:
        yield "wrong bytes"
    if is_due(question, found):
        yield WHOLE_OF_SEVERAL if question.range in SEVERAL else WHOLE


def is_due(question: Question, found: Representation) -> bool:
    """Return whether a 206 is expected: a satisfiable range, not the whole, with a matching If-Range."""
    asked = spans(question, len(found.body))
    wanted = sum(last - first + 1 for first, last in asked)
    return question.if_range in (None, found.etag) and 0 < wanted < len(found.body)


def spans(question: Question, size: int) -> list[tuple[int, int]]:
    """Return first and last position of each satisfiable range."""
    asked = []
    for part in (question.range or "").removeprefix("bytes=").split(",") if question.range else ():
        first, _, last = part.strip().partition("-")
        start = int(first) if first else max(0, size - int(last))
        asked.append((start, min(int(last), size - 1) if first and last else size - 1))
    return [(start, end) for start, end in asked if start < size]


def faults_of_parts(question: Question, answer: Raw, found: Representation, truth: Truth) -> Iterator[str]:
    if question.if_range not in (None, found.etag):
        yield of_before(question, truth, UNLOCKED)
    size = len(found.body)
    if question.method == "HEAD":
        yield HEAD_OF_PART
        return
    given = parts_of(answer)
    ranges = sorted(content_range for content_range, _ in given)
    if ranges != sorted(f"bytes {first}-{last}/{size}" for first, last in spans(question, size)):
        yield of_before(question, truth, f"parts {ranges}")
    if any(body != found.body[slice(*slice_of(content_range))] for content_range, body in given):
        yield "wrong bytes in a part"


def of_before(question: Question, truth: Truth, fault: str) -> str:
    """Return the name of a fault of a representation that may be revalidated."""
    return OF_BEFORE if question.kind == "living" or question.path in truth.early else fault


def slice_of(content_range: str) -> tuple[int, int]:
    first, last = content_range.removeprefix("bytes ").partition("/")[0].split("-")
    return int(first), int(last) + 1


def parts_of(answer: Raw) -> list[tuple[str, bytes]]:
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


# The clients


@dataclass(kw_only=True)
class Audience:
    """Clients that send requests to a cache all the time, and their responses; equal bodies are kept once."""

    cache: Cache
    truth: Truth
    unknown: list[str]
    foreseen: list[str] = field(default_factory=list)
    exchanges: list[tuple[Question, Raw]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _bodies: dict[bytes, bytes] = field(default_factory=dict)
    _is_over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def asking(self) -> Iterator[None]:
        """Run the clients inside the context; their errors are kept in ``problems``."""
        clients = [
            threading.Thread(target=self._ask_on, args=[random.Random(seed)]) for seed in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            self._is_over.set()
            for client in clients:
                client.join()

    def ask(self, wire: Wire, question: Question) -> Raw:
        """Send one request, and keep the response."""
        answer = wire.ask(question.request())
        answer = replace(answer, body=self._bodies.setdefault(answer.body, answer.body))
        self.exchanges.append((question, answer))
        return answer

    def wait_for(self, count: int) -> None:
        """Wait for a number of further responses, as long as they keep coming."""
        enough = len(self.exchanges) + count
        while len(self.exchanges) < enough and not self.problems:
            wait_until(partial(self._has_more_than, len(self.exchanges)))
        assert self.problems == []

    def _has_more_than(self, count: int) -> bool:
        return bool(self.problems) or len(self.exchanges) > count

    def _ask_on(self, choice: random.Random) -> None:
        try:
            with Wire(self.cache.port) as wire:
                while not self._is_over.is_set():
                    self.ask(wire, drawn(choice, self.truth, self.unknown, self.foreseen))
                    time.sleep(PAUSE)
        except Exception as error:  # noqa: BLE001  # the test tells it
            self.problems.append(repr(error))

    def found(self) -> Counter[str]:
        """Count the differences from the origin."""
        return Counter(fault for asked, given in self.exchanges for fault in faults(asked, given, self.truth))

    def examples(self, fault: str) -> list[str]:
        """Return an example of a difference, for the message of a failure."""
        return [
            f"{fault}: {asked} {given.status} {dict(given.fields)}"
            for asked, given in self.exchanges
            if fault in faults(asked, given, self.truth)
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


# The caches

CACHES: dict[str, tuple[type[Cache], tuple[str, ...]]] = {
    "nginx": (NginxCache, ()),
    "Varnish": (Varnish, ("-p", "http_gzip_support=off")),
    "Varnish with its defaults": (Varnish, ()),
    "Squid": (Squid, ()),
    "HAProxy": (HAProxyCache, ()),
    "Apache Traffic Server": (TrafficServer, ()),
}
INTERFERENCE: dict[str, set[str]] = {
    "nginx": {HEAD_OF_PART, WHOLE_OF_SEVERAL},
    "Varnish": {HEAD_OF_PART, WHOLE_OF_SEVERAL, SEVERAL_416},
    "Varnish with its defaults": {HEAD_OF_PART, WHOLE, WHOLE_OF_SEVERAL, SEVERAL_416, DECODED, OTHER_CODING},
    "Squid": set(),
    "HAProxy": {WHOLE, WHOLE_OF_SEVERAL, "gzip for 'gzip;q=0.000, identity'", OTHER_CODING},
    "Apache Traffic Server": {WHOLE_OF_SEVERAL, PLAIN_416, OF_BEFORE},
}
"""The differences of each cache from the origin; every cache also keeps `EARLY` ones for a moment."""


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
    truth = Truth(root=releases.root)
    with (
        running(ServedRoot(tmp_path / "origin", str(releases.root), {"max_age": 1})) as origin,
        running(make(tmp_path / "cache", origin.address, options)) as cache,
    ):
        truth.note(origin.port)
        never = [path.replace(".", ".0123456789ab.", 1) for path in truth.living]
        audience = Audience(cache=cache, truth=truth, unknown=never)
        with audience.asking():
            audience.wait_for(ANSWERS)
            for _ in range(2):
                deploy(releases, audience)
                truth.note(origin.port)
                audience.wait_for(ANSWERS)
                assert_what_changed_is_seen(audience)
                assert_what_was_early_is_immutable(audience)
    print(f"caches: {name}: {audience.summary()}; {dict(audience.found())}")
    unexplained = {*audience.found()} - INTERFERENCE[name] - {EARLY}
    assert not unexplained, "\n".join(audience.examples(fault)[0] for fault in unexplained)
    assert audience.hits() > len(audience.exchanges) // 4


def deploy(releases: Releases, audience: Audience) -> None:
    """Deploy the next release. The clients requested its URLs before, and get them at once."""
    releases.change()
    audience.foreseen = sorted(releases.foreseen())
    audience.truth.early.update(audience.foreseen)
    questions = [
        Question(path=path, kind="foreseen", accepted=accepted)
        for path in audience.foreseen
        for accepted in (None, "br", "gzip", "gzip, deflate, br, zstd")
    ]
    assert len(questions) >= 4 * len(CHANGING)
    with Wire(audience.cache.port) as wire:
        for question in questions * 2:
            assert audience.ask(wire, question).status == 404
        releases.build()
        for question in questions:
            assert audience.ask(wire, replace(question, kind="lasting")).status == 200
    audience.foreseen = []


def assert_what_changed_is_seen(audience: Audience) -> None:
    """Wait until the unhashed names have their current content."""
    with Wire(audience.cache.port) as wire:
        for path in CHANGING:
            now = (audience.truth.root / path).read_bytes()
            question = Question(path=PREFIX + path, kind="living")
            wait_until(partial(gives, audience, wire, question, now))


def gives(audience: Audience, wire: Wire, question: Question, body: bytes) -> bool:
    return audience.ask(wire, question).body == body


def assert_what_was_early_is_immutable(audience: Audience) -> None:
    """Wait until URLs that were requested during the deploy have their final responses."""
    with Wire(audience.cache.port) as wire:
        for path in sorted(audience.truth.early):
            wait_until(partial(lasts, audience, wire, Question(path=path, kind="lasting")))


def lasts(audience: Audience, wire: Wire, question: Question) -> bool:
    return audience.ask(wire, question).fields["cache-control"] == IMMUTABLE


# The page


def test_every_configuration_of_the_page_is_tested() -> None:
    used = {make.title for make, _ in CACHES.values()} | {HAProxyBalancer.title, NginxBalancer.title}
    assert used == {*snippets()}


def test_the_page_has_the_options_of_varnish() -> None:
    assert f"`{' '.join(CACHES['Varnish'][1])}`" in PAGE.read_text(encoding="utf-8")
