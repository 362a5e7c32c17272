"""Files with known versions, which change while threads request them, and a check of the responses.

Invariant: each content contains its version number. A response must be one whole version that existed during
the request.
"""

from __future__ import annotations

import gzip
import os
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

import brotli

from hashserve import HashServe
from hashserve.digests import digest_of
from hashserve.errors import TruncatedFileError
from hashserve.serve.assets import entity_tag
from hashserve.serve.files import ChangedFileError
from tests.support.client import APPLICATION_BODY, Reply, request

__all__ = [
    "BROKEN_OFF",
    "ROUNDS",
    "THREADS",
    "Client",
    "History",
    "check_clean",
    "coded",
    "print_counts",
    "run_during_changes",
    "send_during_changes",
    "version",
]

SOAK = os.environ.get("HASHSERVE_SOAK") == "1"
THREADS = 16 if SOAK else 4
ROUNDS = 200 if SOAK else 20
ACCEPTED = (None, "identity", "gzip", "br", "gzip, br")
BROKEN_OFF = "broken off"
"""The outcome of a body that fails while it is sent: the server closes the connection."""

MOST_LAG = 100
"""The most versions that a response may be behind, if the history says ``may_lag``."""

_PART = re.compile(rb"\r\n--[^\r\n]+\r\n(?:[^\r\n]+\r\n)*Content-Range: bytes (\d+)-(\d+)/(\d+)\r\n\r\n")


def version(number: int) -> bytes:
    """Return the content of a version: its number in cells of six bytes. The length varies."""
    return b"%06d" % number * (1 + number * 7919 % 1200)


@lru_cache(maxsize=256)
def coded(number: int) -> dict[str, bytes]:
    """Return the content of a version by content coding, as `tests.support.trees.BuiltTree` compresses it."""
    content = version(number)
    return {
        "identity": content,
        "gzip": gzip.compress(content, 9, mtime=0),
        "br": brotli.compress(content),
    }


@lru_cache(maxsize=256)
def tagged(number: int, has_variants: bool) -> dict[str, tuple[str, bytes]]:
    """Return coding and bytes of the representations of a version by entity-tag."""
    forms = coded(number) if has_variants else {"identity": version(number)}
    digest = digest_of([version(number)])
    return {str(entity_tag(digest, coding, len(body))): (coding, body) for coding, body in forms.items()}


@dataclass
class History:
    """The published versions in order. Each change is recorded before it begins and after it is done.

    ``has_variants``: there are gzip and brotli variants. ``may_tear``: the file is written in place, so a
    reader can see a part of it. ``may_lag``: the manifest is not read for each request or is sometimes
    missing, so the previous version can be served. ``may_be_snapshot``: the file has just changed, so it can
    be served without validators.
    """

    has_variants: bool = False
    may_tear: bool = False
    may_lag: bool = False
    may_be_snapshot: bool = True
    begun: list[int] = field(default_factory=lambda: [0])
    done: int = 0

    @contextmanager
    def changing(self, number: int) -> Iterator[None]:
        """Change to another version inside the context. Only one thread may do this."""
        self.begun.append(number)
        yield
        self.done = len(self.begun) - 1

    def since(self, first: int) -> list[int]:
        """Return the versions that a reader can have seen since ``first`` was ``done``."""
        return self.begun[-MOST_LAG:] if self.may_lag else self.begun[first:]

    def representations(self, numbers: Iterable[int]) -> dict[str, tuple[str, bytes]]:
        """Return coding and bytes of versions by entity-tag."""
        found: dict[str, tuple[str, bytes]] = {}
        for number in set(numbers):
            found.update(tagged(number, self.has_variants))
        return found


@dataclass
class Client:
    """A client that sends requests of every kind and checks the responses.

    ``url`` returns the path to request. During a change, the response can also be one of ``allowed``;
    otherwise it must be the current version.
    """

    application: HashServe
    history: History
    url: Callable[[], str]
    allowed: frozenset[str]
    random: random.Random
    answers: Counter[str] = field(default_factory=Counter)
    tags: list[str] = field(default_factory=lambda: ['"none"'])

    def ask(self) -> None:
        """Send one request. Raises `AssertionError` for a response that is not allowed."""
        first = self.history.done
        fields, method = self._fields(), self.random.choice(["GET", "GET", "GET", "HEAD"])
        try:
            reply = request(self.application, self.url(), method=method, **fields)
        except (TruncatedFileError, ChangedFileError):
            outcome = BROKEN_OFF
        else:
            outcome = str(reply.status)
        candidates = self.history.since(first)
        self.answers[outcome] += 1
        if outcome in self.allowed and len(candidates) > 1:
            if outcome != BROKEN_OFF:
                check_clean(reply)
            return
        assert outcome in {"200", "206", "304", "412", "416"}, (outcome, candidates, fields)
        assert reply.body != APPLICATION_BODY
        self._check(reply, method, fields, candidates)

    def _fields(self) -> dict[str, str]:
        fields = {}
        accepted = self.random.choice(ACCEPTED)
        if accepted is not None:
            fields["accept_encoding"] = accepted
        tag = self.random.choice(self.tags[-8:])
        kinds: list[dict[str, str]] = [
            {},
            {"range": "bytes=2-5"},
            {"range": "bytes=-7"},
            {"range": "bytes=1-3,9-20"},
            {"range": "bytes=5000-"},
            {"range": "bytes=2-", "if_range": tag},
            {"if_none_match": tag},
            {"if_match": tag},
        ]
        return {**fields, **self.random.choice(kinds)}

    def _check(self, reply: Reply, method: str, fields: dict[str, str], candidates: list[int]) -> None:
        known = self.history.representations(candidates)
        if reply.status == 412:
            assert reply["Cache-Control"] == "no-store"
            # With variants there are several tags, and the one of the selected representation must match.
            is_free = self.history.has_variants or self.history.may_be_snapshot
            assert len(candidates) > 1 or is_free or fields["if_match"] not in known
            return
        if reply.status == 416:
            sizes = {len(body) for _, body in known.values()}
            assert int(reply["Content-Range"].removeprefix("bytes */")) in sizes or self._is_torn(candidates)
            return
        if "ETag" not in reply:
            self._check_snapshot(reply, method, candidates)
            return
        tag = reply["ETag"]
        if reply.status == 304:
            assert tag == fields["if_none_match"]
            assert reply.body == b""
            assert tag in known
            return
        if tag not in known:
            assert self._is_torn(candidates)
            check_torn(reply, method, max(self.history.begun))
            return
        self.tags.append(tag)
        coding, body = known[tag]
        assert reply.all("Content-Encoding") == ([] if coding == "identity" else [coding])
        if reply.status == 200:
            assert fields.get("if_match", tag) in known
            expected = body
        else:
            assert fields.get("if_range", tag) == tag
            expected = self._check_parts(reply, method, body)
        if method == "HEAD":
            assert reply.status == 200
            assert (int(reply["Content-Length"]), reply.body) == (len(body), b"")
        else:
            assert int(reply["Content-Length"]) == len(reply.body)
            assert reply.body == expected

    def _check_snapshot(self, reply: Reply, method: str, candidates: list[int]) -> None:
        """Check a response without validators: a part of a version, or of the file while it is written."""
        assert self.history.may_be_snapshot
        assert (reply.all("Cache-Control"), reply.all("Last-Modified")) == (["no-store"], [])
        if method == "HEAD":
            assert reply.body == b""
            return
        assert int(reply["Content-Length"]) == len(reply.body)
        if self._is_torn(candidates):
            return
        bodies = [version(number) for number in candidates]
        if reply.status == 206:
            assert any(reply.body == self._check_parts(reply, method, body) for body in bodies)
        else:
            assert reply.body in bodies

    def _is_torn(self, candidates: list[int]) -> bool:
        """Return whether a response may contain a part of a version."""
        return self.history.may_tear and len(candidates) > 1

    def _check_parts(self, reply: Reply, method: str, body: bytes) -> bytes:
        """Check that a 206 names parts of a version, and return the expected body."""
        assert method == "GET"
        if reply.all("Content-Range"):
            match = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", reply["Content-Range"])
            assert match is not None
            start, end, size = map(int, match.groups())
            assert size == len(body) or self.history.may_be_snapshot
            return body[start : end + 1]
        parts = list(_PART.finditer(reply.body))
        assert len(parts) == 2
        for part in parts:
            start, end, size = map(int, part.groups())
            assert size == len(body)
            assert reply.body[part.end() :].startswith(body[start : end + 1])
        return reply.body


def check_clean(reply: Reply) -> None:
    """Check a 404 or 503: no cache stores it, and its length is correct."""
    assert reply["Cache-Control"] == "no-store"
    assert reply.body in (b"", f"{reply.status} {_PHRASES[reply.status]}\n".encode())
    assert int(reply["Content-Length"]) == len(f"{reply.status} {_PHRASES[reply.status]}\n")


_PHRASES = {404: "Not Found", 503: "Service Unavailable"}


def check_torn(reply: Reply, method: str, last: int) -> None:
    """Check a response read during a write: length and tag must be those of the body."""
    if method == "HEAD" or reply.status != 200:
        return
    assert int(reply["Content-Length"]) == len(reply.body)
    assert reply["ETag"] == str(entity_tag(digest_of([reply.body]), "identity", len(reply.body)))
    cells = {reply.body[start : start + 6] for start in range(0, len(reply.body) // 6 * 6, 6)}
    assert {int(cell) for cell in cells} <= set(range(last + 1))


def run_during_changes(asks: Iterable[Callable[[], object]], change: Callable[[int], object]) -> None:
    """Call each of ``asks`` repeatedly, each in one thread, while ``change`` counts to ``ROUNDS``.

    On a busy machine the changes can end before a thread starts, so each is called once more at the end.
    """
    stop, errors = threading.Event(), list[BaseException]()

    def run(ask: Callable[[], object]) -> None:
        try:
            while not stop.is_set():
                ask()
            ask()
        except BaseException as error:  # noqa: BLE001  # raised again below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(ask,)) for ask in asks]
    for thread in threads:
        thread.start()
    try:
        for number in range(1, ROUNDS + 1):
            change(number)
            if errors:
                break
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if errors:
        raise errors[0]


def send_during_changes(
    application: HashServe,
    history: History,
    url: Callable[[], str],
    change: Callable[[int], object],
    *,
    allowed: Iterable[str] = (),
    versions: Sequence[int] = range(1, ROUNDS + 1),
) -> Counter[str]:
    """Let clients send requests while ``change`` publishes ``versions`` in turn.

    ``allowed`` are further responses during changes. After the last change, requests of every kind must get
    the last version. Returns the number of responses of each kind.
    """
    clients = [
        Client(application, history, url, frozenset(allowed), random.Random(number))
        for number in range(THREADS)
    ]

    def step(count: int) -> None:
        number = versions[count - 1]
        with history.changing(number):
            change(number)
        # Sometimes this is long enough for files to get into the memo.
        time.sleep(0.03 if count % 7 == 0 else 0)

    run_during_changes([client.ask for client in clients], step)
    time.sleep(0.05)
    history.may_lag = history.may_be_snapshot = False
    last = clients[0]
    for number in range(3000):
        if number >= 30 and all(last.answers[status] for status in ("200", "206", "304")):
            break
        last.ask()
    answers = sum((client.answers for client in clients), Counter[str]())
    assert answers["200"]
    print_counts(answers)
    return answers


def print_counts(answers: Counter[str]) -> None:
    """Print the number of responses of each kind."""
    counts = ", ".join(f"{count} x {outcome}" for outcome, count in sorted(answers.items()))
    print(f"{sum(answers.values())} answers: {counts}")
