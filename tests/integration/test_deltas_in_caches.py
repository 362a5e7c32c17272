"""Real caches in front of deltas, over four releases, and clients with many dictionaries or none.

Invariant: every response is decoded with what its client has, and compared with the file of the build. By
default no cache answers with a delta (they are private), so that a cache that ignores Vary gives no client a
delta that it cannot decode.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from hashserve import Manifest
from hashserve.builder import BuildSettings, build
from hashserve.dictionary_files import SMALLEST_BYTES
from hashserve.digests import digest_of
from hashserve.http.codings import CODINGS, DecodeError
from hashserve.http.dictionaries import decode_delta
from tests.integration.test_caches import CACHES, IMMUTABLE
from tests.support.changing_files import drawing, script, style_sheet, words
from tests.support.files import put
from tests.support.proxies import Cache, NginxCache
from tests.support.releases import PREFIX, get
from tests.support.served_root import RawConnection, RawResponse, ServedRoot
from tests.support.services import running

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

RELEASES = 4
PRIVATE = "private, max-age=31536000, immutable"

CHROMIUM = "gzip, deflate, br, zstd, dcb, dcz"
"""What Chromium accepts if it has a dictionary."""

ACCEPTED = {
    CHROMIUM: "gzip br dcz",
    "gzip, deflate, br, zstd": "gzip br",
    "gzip": "gzip",
    "br, dcz;q=0": "br",
    "dcz": "dcz",
    "": "",
}
"""Values of Accept-Encoding, with the accepted codings other than identity."""

NONE, OWN, LAST, BEFORE_LAST, OLDER, UNKNOWN, MALFORMED = (
    *("no dictionary", "the file itself", "its last content", "the content before"),
    *("an older content", "an unknown dictionary", "a malformed field"),
)
DICTIONARIES = (NONE, OWN, LAST, BEFORE_LAST, OLDER, UNKNOWN, MALFORMED)

WHOLE, HEAD, RANGE, TAG = "whole", "HEAD", "a range", "If-None-Match"
FORMS = (WHOLE, HEAD, RANGE, TAG)


WRONG = "wrong bytes"
SOAK = os.environ.get("HASHSERVE_SOAK") == "1"
SAMPLE = 10_000 if SOAK else 100
"""How many of the possible requests are sent after each release; each of them twice."""

WITHOUT_DELTAS = {"Varnish with its defaults"}
"""Caches that request other codings than their clients accept, so that deltas never come."""


@dataclass(kw_only=True)
class History:
    """The releases of a site, built in place: the content of each URL path, oldest release first."""

    folder: Path
    contents: dict[str, bytes] = field(default_factory=dict)
    versions: dict[str, list[str]] = field(default_factory=dict)

    @property
    def root(self) -> Path:
        """Return the folder that is served."""
        return self.folder / "root"

    def release(self, number: int) -> Manifest:
        """Build the next release."""
        for path, content in {
            "css/site.css": style_sheet("site", number, imports='@import "base.css";'),
            "css/base.css": style_sheet("base", number),
            "js/app.js": script("app", f"release = {number}"),
            "words.json": words("words", number // 2),
            "drawing.svg": drawing("drawing", number),
            "small.js": b"release = %d" % number,
        }.items():
            put(self.folder / "source", path, content)
        build(self.folder / "source", self.root, BuildSettings(prefix=PREFIX, keep=RELEASES))
        manifest = Manifest.load(self.root / "staticfiles.json")
        for name, path in manifest.paths.items():
            self.contents[PREFIX + path] = (self.root / path).read_bytes()
            versions = self.versions.setdefault(name, [])
            if PREFIX + path not in versions:
                versions.append(PREFIX + path)
        return manifest

    def body(self, request: Request, coding: str) -> bytes | None:
        """Return what a client must receive in a coding, None if it is a delta that it cannot decode."""
        path = request.path.removeprefix(PREFIX)
        if coding == "dcz":
            deltas = Manifest.load(self.root / "staticfiles.json").deltas_of(path)
            usable = [delta.path for delta in deltas if f":{delta.dictionary_sha256}:" == request.available]
            return (self.root / usable[0]).read_bytes() if usable else None
        suffix = "" if coding == "identity" else CODINGS[coding].suffix
        return (self.root / (path + suffix)).read_bytes()

    def dictionary(self, path: str, kind: str) -> bytes | None:
        """Return the content that a client has, if it has one of this kind for a URL path."""
        (versions,) = (known for known in self.versions.values() if path in known)
        age = {OWN: 0, LAST: 1, BEFORE_LAST: 2, OLDER: 3}.get(kind)
        if age is None:
            return b"a file of another site" if kind == UNKNOWN else None
        position = versions.index(path) - age
        return self.contents[versions[position]] if position >= 0 else None


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request of a client that has a dictionary, or says so."""

    path: str
    form: str
    accepted: str
    kind: str
    dictionary: bytes | None
    tag: str | None = None

    def encoded(self) -> bytes:
        """Return the bytes of the request."""
        return get(
            self.path,
            method="HEAD" if self.form == HEAD else "GET",
            Accept_Encoding=self.accepted,
            Available_Dictionary=self.available,
            Range="bytes=2-9" if self.form == RANGE else None,
            If_None_Match=self.tag,
        )

    @property
    def available(self) -> str | None:
        """Return the field Available-Dictionary."""
        if self.kind == MALFORMED:
            return ":not base64:"
        return None if self.dictionary is None else f":{digest_of([self.dictionary])}:"

    def decoded(self, answer: RawResponse, content: bytes) -> bytes:
        """Decode a whole response with what this client has. Raises `DecodeError`."""
        coding = answer.fields.get("content-encoding", "identity")
        if coding == "dcz":
            if self.dictionary is None:
                raise DecodeError("a delta for a client without a dictionary")
            return b"".join(decode_delta([answer.body], self.dictionary, len(content)))
        return answer.body if coding == "identity" else b"".join(CODINGS[coding].decode([answer.body]))


@dataclass(kw_only=True)
class Clients:
    """Clients of a cache: what they asked, where the responses came from, and which were wrong."""

    history: History
    cache: Cache
    public_deltas: bool = False
    serve_deltas: bool = True
    choice: random.Random = field(default_factory=partial(random.Random, 13))
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    answers: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def ask(self) -> None:
        """Request URL paths in every form and with every dictionary, each twice; then with entity-tags."""
        requests = [
            *self._requests(WHOLE, ACCEPTED, DICTIONARIES),
            *self._requests(HEAD, (CHROMIUM, "gzip"), (NONE, LAST)),
            *self._requests(RANGE, (CHROMIUM, "gzip", ""), (NONE, LAST)),
        ]
        self._ask_each(self._some(requests, SAMPLE) * 2)
        requests = [*self._requests(TAG, (CHROMIUM, "gzip"), (NONE, LAST, BEFORE_LAST))]
        self._ask_each(self._some(requests, SAMPLE // 5))

    def _some(self, requests: list[Request], most: int) -> list[Request]:
        return self.choice.sample(requests, min(most, len(requests)))

    def _requests(self, form: str, accepted: Iterable[str], kinds: Iterable[str]) -> Iterator[Request]:
        for path, coding, kind in product(self.history.contents, accepted, kinds):
            dictionary = self.history.dictionary(path, kind)
            tags = [*self.tags.get(path, ())]
            if (kind in (NONE, MALFORMED) or dictionary is not None) and (tags or form != TAG):
                yield Request(
                    path=path,
                    form=form,
                    accepted=coding,
                    kind=kind,
                    dictionary=dictionary,
                    tag=self.choice.choice(tags) if form == TAG else None,
                )

    def _ask_each(self, requests: list[Request]) -> None:
        self.choice.shuffle(requests)
        with RawConnection(self.cache.port) as connection:
            for request in requests:
                answer = connection.ask(request.encoded())
                outcome = "304" if answer.status == 304 else coding_of(answer)
                self.answers[outcome] += 1
                self.hits[outcome] += self.cache.is_hit(answer.fields)
                faults = self._faults(request, answer)
                self.wrong += [f"{fault}: {request} {answer.status} {answer.fields}" for fault in faults]

    def _faults(self, request: Request, answer: RawResponse) -> Iterator[str]:
        """Yield what is wrong with a response."""
        known, tag = self.tags.setdefault(request.path, {}), answer.fields.get("etag", "").removeprefix("W/")
        if answer.status == 304:
            if request.tag is None or tag not in ("", request.tag):
                yield "304 for another tag"
        elif answer.status == 206 and request.form == RANGE:
            yield from self._faults_of_part(request, answer)
        elif answer.status != 200:
            yield "another status"
        else:
            known.setdefault(tag, coding_of(answer))
            yield from self._faults_of_whole(request, answer)

    def _faults_of_whole(self, request: Request, answer: RawResponse) -> Iterator[str]:
        content, coding = self.history.contents[request.path], coding_of(answer)
        if coding != "identity" and coding not in ACCEPTED[request.accepted].split():
            yield "a coding that is not accepted"
        is_private = coding == "dcz" and not self.public_deltas
        if answer.fields["cache-control"] != (PRIVATE if is_private else IMMUTABLE):
            yield "another Cache-Control"
        is_dictionary = len(content) >= SMALLEST_BYTES and self.serve_deltas
        if ("available-dictionary" in answer.fields.get("vary", "").lower()) != is_dictionary:
            yield "another Vary"
        if answer.fields.get("vary", "").lower().count("dictionary") > 1:
            yield "Vary names a field twice"
        try:
            if request.form != HEAD and request.decoded(answer, content) != content:
                yield WRONG
        except (DecodeError, EOFError):
            yield WRONG

    def _faults_of_part(self, request: Request, answer: RawResponse) -> Iterator[str]:
        coding = coding_of(answer)
        if coding != "identity" and coding not in ACCEPTED[request.accepted].split():
            yield "a part in a coding that is not accepted"
        body = self.history.body(request, coding)
        if body is None or answer.body != body[2:10]:
            yield WRONG

    def summary(self) -> str:
        """Count the responses, for `tests.proofs`."""
        answers, hits = self.answers, self.hits
        given = f"{answers.total()} answers, {answers['dcz']} deltas"
        stored = f"{hits.total()} from the cache, {hits['dcz']} of them deltas"
        return f"{given}; {stored}; {len(self.wrong)} wrong"


def coding_of(answer: RawResponse) -> str:
    return answer.fields.get("content-encoding", "identity")


def ask_over_releases(
    folder: Path,
    make: type[Cache],
    options: tuple[str, ...] = (),
    *,
    public_deltas: bool = False,
    serve_deltas: bool = True,
) -> Clients:
    """Run a cache in front of the site, and its clients after each release."""
    folder.chmod(0o755)
    history = History(folder=folder)
    history.release(1)
    settings = {"public_deltas": public_deltas, "serve_deltas": serve_deltas, "autorefresh": True}
    origin = ServedRoot(folder / "origin", str(history.root), settings)
    with running(origin), running(make(folder / "cache", origin.address, options)) as cache:
        clients = Clients(
            history=history, cache=cache, public_deltas=public_deltas, serve_deltas=serve_deltas
        )
        clients.ask()
        for number in range(2, RELEASES + 1):
            history.release(number)
            clients.ask()
    return clients


@pytest.mark.parametrize("name", CACHES)
def test_every_client_can_decode_what_a_cache_answers_over_four_releases(name: str, tmp_path: Path) -> None:
    clients = ask_over_releases(tmp_path, *CACHES[name])
    print(f"deltas behind {name}: {clients.summary()}")
    assert clients.wrong == []
    assert clients.hits["dcz"] == 0
    assert clients.hits.total() > clients.answers.total() // 4
    assert (clients.answers["dcz"] > 0) == (name not in WITHOUT_DELTAS)


@pytest.mark.parametrize("name", [name for name in CACHES if name not in WITHOUT_DELTAS])
def test_public_deltas_are_right_behind_caches_that_obey_vary(name: str, tmp_path: Path) -> None:
    clients = ask_over_releases(tmp_path, *CACHES[name], public_deltas=True)
    print(f"deltas behind {name}, public deltas: {clients.summary()}")
    assert clients.wrong == []
    assert clients.answers["dcz"] > 0


class WithoutVary(NginxCache):
    """nginx that ignores Vary; only Accept-Encoding is in its key, as in many networks of caches (CDNs)."""

    ignored = "Vary"

    def sites(self) -> str:
        """Return the cache and its server."""
        before = "proxy_cache static;"
        sites = str(super().sites())
        assert before in sites
        key = 'proxy_cache_key "$uri $http_accept_encoding";'
        more = f"proxy_ignore_headers {self.ignored}; {key}"
        return sites.replace(before, f"{before} {more}")


def test_by_default_a_cache_that_ignores_vary_gives_no_client_a_delta_of_another(tmp_path: Path) -> None:
    clients = ask_over_releases(tmp_path, WithoutVary)
    print(f"deltas behind nginx without Vary: {clients.summary()}")
    assert clients.wrong == []
    assert clients.hits["dcz"] == 0
    assert clients.answers["dcz"] > 0


def test_public_deltas_are_wrong_behind_a_cache_that_ignores_vary(tmp_path: Path) -> None:
    clients = ask_over_releases(tmp_path, WithoutVary, public_deltas=True)
    print(f"deltas behind nginx without Vary, public deltas: {clients.summary()}")
    assert {fault.partition(":")[0] for fault in clients.wrong} == {WRONG}


class WithoutRules(WithoutVary):
    """nginx that stores every file for an hour, whatever its fields say."""

    ignored = "Vary Cache-Control; proxy_cache_valid 200 1h"


def test_only_without_deltas_a_cache_that_ignores_vary_and_cache_control_is_right(tmp_path: Path) -> None:
    clients = ask_over_releases(make(tmp_path, "with"), WithoutRules)
    print(f"deltas behind nginx without Vary and Cache-Control: {clients.summary()}")
    assert {fault.partition(":")[0] for fault in clients.wrong} == {WRONG}
    clients = ask_over_releases(make(tmp_path, "without"), WithoutRules, serve_deltas=False)
    print(f"deltas behind nginx without Vary and Cache-Control, serve_deltas=False: {clients.summary()}")
    assert clients.wrong == []


def make(folder: Path, name: str) -> Path:
    """Make a folder that everybody can read."""
    folder.chmod(0o755)
    (folder / name).mkdir(mode=0o755)
    return folder / name
