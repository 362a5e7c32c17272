"""A site with deltas, and an oracle: which responses RFC 9842 and RFC 9110 allow for a request.

Invariant: the oracle knows the contents of all releases and the fields of the request, and nothing of
hashserve. A client that has the dictionaries that it names can decode every response; another never gets a
delta.
"""

from __future__ import annotations

import gzip
import os
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import Any

import brotli

from hashserve import HashServe
from hashserve.http.dictionaries import decode_delta
from tests.fuzz.secret_site import Environ, Exchange, ask, environ_of, is_part, parts_of
from tests.support.client import wrapped_application
from tests.support.deltas import TreeWithDeltas, three_releases

__all__ = ["DeltaSite", "Question", "digest_in", "questions_of", "served_by_django"]

LOGICAL = ("css/app.css", "js/app.js", "ten.txt")
METHODS = ("GET", "GET", "GET", "GET", "GET", "HEAD", "HEAD", "OPTIONS", "POST")

CODINGS: tuple[dict[str, int] | None, ...] = (
    None,
    {},
    {"gzip": 1000, "deflate": 1000, "br": 1000, "zstd": 1000, "dcb": 1000, "dcz": 1000},
    {"gzip": 1000, "deflate": 1000, "br": 1000, "zstd": 1000},
    {"dcz": 1000},
    {"dcz": 0},
    {"br": 1000, "dcz": 0},
    {"br": 1000, "dcz": 1},
    {"br": 1, "dcz": 2},
    {"br": 500, "dcz": 500},
    {"*": 1000},
    {"*": 1000, "dcz": 0},
    {"*": 0, "dcz": 1000},
    {"*": 500, "dcz": 499},
    {"*": 499, "dcz": 500},
    {"identity": 1000, "dcz": 1000},
    {"identity": 1000, "dcz": 999},
    {"identity": 0, "dcz": 1000},
    {"dcb": 1000},
    {"gzip": 0, "br": 0, "dcz": 300},
)
"""Qvalues in thousandths by coding; None for no field."""

METADATA: tuple[tuple[str | None, str | None, str | None], ...] = (
    (None, None, None),
    ("same-origin", "no-cors", None),
    ("same-origin", "cors", "http://127.0.0.1"),
    ("none", "navigate", None),
    ("cross-site", "navigate", None),
    ("cross-site", "no-cors", None),
    ("cross-site", "no-cors", "https://example.org"),
    ("cross-site", "cors", "https://example.org"),
    ("cross-site", "cors", None),
    ("cross-site", None, "https://example.org"),
    ("same-site", "no-cors", None),
    ("same-site", "same-origin", None),
    ("none", "no-cors", None),
    ("cross-site", "websocket", "https://example.org"),
)
"""Sec-Fetch-Site, Sec-Fetch-Mode and Origin."""

TAGS = ("delta", "whole", "other", '"x"', "*")
CONDITIONS: tuple[dict[str, str], ...] = (
    {},
    {},
    {},
    *({"If-None-Match": tag} for tag in TAGS),
    *({"If-Match": tag} for tag in TAGS),
    {"If-Modified-Since": "Thu, 01 Jan 2099 00:00:00 GMT"},
    {"Range": "bytes=0-9"},
    {"Range": "bytes=0-3,7-9"},
    {"Range": "bytes=999999-"},
    {"Range": "bytes=-5", "If-Range": "delta"},
    {"Range": "bytes=-5", "If-Range": "whole"},
    {"Range": "lines=1-2"},
    {"Range": "", "If-None-Match": "delta"},
)
"""Preconditions and ranges; `TAGS` stand for the tags that the site sent before."""


def digest_in(field: bytes) -> str | None:
    """Return the SHA-256 in an Available-Dictionary field as http-sf reads it (RFC 9651), or None."""
    import http_sf

    if len(field) > 256:
        return None
    try:
        parsed: Any = http_sf.parse(field, tltype="item")
    except http_sf.StructuredFieldError:
        return None
    value = parsed[0]
    is_digest = isinstance(value, bytes) and len(value) == 32
    return b64encode(value).decode() if is_digest else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request: what was chosen from the tables, and Available-Dictionary.

    In it, ``{0}`` stands for the digest of the first file in the first release, ``{3}`` for that in the
    second one, ``{own 0}`` and ``{own 1}`` for those of the requested file.
    """

    logical: str
    release: int
    method: str
    qvalues: Mapping[str, int] | None
    metadata: tuple[str | None, str | None, str | None]
    conditions: Mapping[str, str]
    dictionary: bytes | None

    @classmethod
    def of(cls, data: bytes) -> Question:
        """Read a request from bytes: five choices, then the field, which is left out if it is empty."""
        choices = data[:5].ljust(5, b"\0")
        return cls(
            logical=LOGICAL[choices[0] % 3],
            release=choices[0] // 3 % 3,
            method=METHODS[choices[1] % len(METHODS)],
            qvalues=CODINGS[choices[2] % len(CODINGS)],
            metadata=METADATA[choices[3] % len(METADATA)],
            conditions=CONDITIONS[choices[4] % len(CONDITIONS)],
            dictionary=data[5:] or None,
        )


def questions_of(data: bytes) -> list[Question]:
    """Read at most eight requests, separated by a byte that no digest has."""
    return [Question.of(part) for part in data.split(b"\xff")[:8]]


Application = Callable[..., Iterable[bytes]]


def served_by_wsgi(root: str, **settings: Any) -> Application:
    """Return the WSGI middleware around another application."""
    return HashServe(wrapped_application, root, "/static/", **settings)


def served_by_django(gateway: str) -> Callable[..., Application]:
    """Return a function that makes a Django project."""
    from tests.support.django_client import django_application

    def make(root: str, **settings: Any) -> Application:
        keys = {name.upper(): value for name, value in settings.items()}
        return django_application(gateway, STATIC_ROOT=root, HASHSERVE={"PREFIX": "/static/", **keys})

    return make


@dataclass
class DeltaSite:
    """Three releases, served with some settings by a gateway, and the oracle of its responses.

    ``make`` makes the application of a folder with the settings.
    """

    folder: str
    make: Callable[..., Application] = served_by_wsgi
    settings: Mapping[str, Any] = field(default_factory=dict)
    application: Application = field(init=False)
    tree: TreeWithDeltas = field(init=False)

    def __post_init__(self) -> None:
        root = os.path.join(self.folder, "root")
        self.tree = three_releases(root)
        self.application = self.make(root, **self.settings)

    def forget_answers(self) -> None:
        """Empty the memo, so that an exchange depends on no earlier one."""
        if isinstance(self.application, HashServe):
            self.application._service.memo.clear()

    @cached_property
    def digests(self) -> dict[bytes, bytes]:
        """The field value of each content, by the text that stands for it: ``{file and release}``."""
        return {
            f"{{{3 * release + number}}}".encode(): self.tree.dictionary(logical, release).strip(":").encode()
            for release in range(3)
            for number, logical in enumerate(LOGICAL)
        }

    def dictionaries(self, question: Question) -> dict[str, bytes]:
        """The older contents of a file, by digest: what a delta may be against."""
        content = self.tree.content(question.logical, question.release)
        older = [self.tree.content(question.logical, release) for release in range(question.release)]
        return {b64encode(sha256(old).digest()).decode(): old for old in older if old != content}

    def field(self, question: Question) -> bytes | None:
        """Return Available-Dictionary with digests."""
        value = question.dictionary
        if value is None or b"{" not in value:
            return value
        own = LOGICAL.index(question.logical)
        value = value.replace(b"{own 0}", b"{%d}" % own).replace(b"{own 1}", b"{%d}" % (3 + own))
        for name, digest in self.digests.items():
            value = value.replace(name, digest)
        return value

    def expected_dictionary(self, question: Question) -> bytes | None:
        """Return the content that a delta must be against; None if a delta would be wrong.

        Source: RFC 9842 sections 2.2, 6.1 and 9.3, RFC 9110 section 12.5.3.
        """
        value, qvalues = self.field(question), question.qvalues or {}
        digest = None if value is None else digest_in(value)
        old = self.dictionaries(question).get(digest or "")
        if old is None or question.method not in ("GET", "HEAD") or not qvalues.get("dcz"):
            return None
        if question.method == "GET" and "Range" in question.conditions:
            return None
        # A delta is the smallest representation, so that it is the best one of an equal qvalue.
        others = [qvalues.get(coding, qvalues.get("*", 0)) for coding in ("br", "gzip")]
        if max(*others, qvalues.get("identity", qvalues.get("*", 0))) > qvalues["dcz"]:
            return None
        return old if self._may_read(*question.metadata) else None

    def _may_read(self, site: str | None, mode: str | None, origin: str | None) -> bool:
        if site in (None, "same-origin") or mode in (None, "navigate", "same-origin"):
            return True
        return mode == "cors" and origin is not None and self.settings.get("allow_all_origins", True)

    def environ(self, question: Question, method: str | None = None, **others: str) -> Environ:
        """Return the request as a server passes it on."""
        value, (site, mode, origin) = self.field(question), question.metadata
        codings = question.qvalues
        fields = {
            "Accept-Encoding": None if codings is None else ", ".join(map(_member, codings.items())),
            "Available-Dictionary": None if value is None else value.decode("latin-1"),
            "Sec-Fetch-Site": site,
            "Sec-Fetch-Mode": mode,
            "Origin": origin,
            **others,
        }
        present = [(name, text) for name, text in fields.items() if text is not None]
        return environ_of(
            method or question.method, self.tree.url(question.logical, question.release), "", present
        )

    def tag_of(self, question: Question, name: str) -> str:
        """Return the tag that a name of `TAGS` stands for; a file without a delta has only one."""
        if name not in ("delta", "whole", "other"):
            return name
        whole = self._selected(question, None).first("etag") or ""
        deltas = self.tags_of_deltas(question)
        return whole if name == "whole" or not deltas else deltas[0 if name == "other" else -1]

    def tags_of_deltas(self, question: Question) -> list[str]:
        """Return the tags of a file's deltas, that against the oldest dictionary first."""
        replies = [self._selected(question, digest) for digest in self.dictionaries(question)]
        assert all(reply.first("content-encoding") == "dcz" for reply in replies)
        return [reply.first("etag") or "" for reply in replies]

    def _selected(self, question: Question, digest: str | None) -> Exchange:
        """Ask for a file as a client that has the dictionary with a digest."""
        asked = replace(
            question,
            method="GET",
            qvalues={"br": 1000, "dcz": 1000},
            metadata=(None, None, None),
            dictionary=None if digest is None else f":{digest}:".encode(),
        )
        return ask(self.application, self.environ(asked))

    def check(self, question: Question) -> str:
        """Send a request, check the response, and return its coding and status."""
        conditions = {name: self.tag_of(question, value) for name, value in question.conditions.items()}
        reply = ask(self.application, self.environ(question, **conditions))
        again = ask(self.application, self.environ(question, **conditions))
        assert (reply.status, reply.body) == (again.status, again.body), question
        assert sorted(reply.headers) == sorted(again.headers), question
        old, coding = self.expected_dictionary(question), reply.first("content-encoding")
        if question.method not in ("GET", "HEAD"):
            assert coding is None
            return f"{reply.status}"
        assert old is None or coding == "dcz" or reply.status != 200, question
        assert old is not None or coding != "dcz", question
        self._check_fields(question, reply)
        if reply.status in (200, 206):
            self._check_body(question, reply, old)
        elif reply.status == 304:
            self._check_unchanged(question, reply, conditions, is_delta=old is not None)
        else:
            assert reply.status in (412, 416), question
        return f"{coding or 'identity'} {reply.status}"

    def _check_fields(self, question: Question, reply: Exchange) -> None:
        vary = {member.strip() for member in (reply.first("vary") or "").lower().split(",")}
        if question.logical != "ten.txt" and reply.status != 412:
            assert vary == {"accept-encoding", "available-dictionary"}, question
            assert (reply.first("use-as-dictionary") is None) == (reply.status in (206, 416)), question
        if reply.first("content-encoding") != "dcz":
            return
        directives = {part.strip() for part in (reply.first("cache-control") or "").split(",")}
        assert ("private" in directives) == (not self.settings.get("public_deltas", False)), question
        assert ("public" in directives) == self.settings.get("public_deltas", False), question
        assert {"max-age=31536000", "immutable"} <= directives
        assert reply.first("accept-ranges") != "bytes"
        assert reply.first("etag") not in (self.tag_of(question, "whole"), None)

    def _check_body(self, question: Question, reply: Exchange, old: bytes | None) -> None:
        coding, content = (
            reply.first("content-encoding"),
            self.tree.content(question.logical, question.release),
        )
        qvalues = question.qvalues or {}
        assert coding is None or qvalues.get(coding, qvalues.get("*", 0)) > 0, question
        if question.method == "HEAD":
            assert reply.body == b""
            got = ask(self.application, self.environ(question, method="GET"))
            assert sorted(reply.headers) == sorted(got.headers), question
        elif reply.status == 206:
            whole = ask(self.application, self.environ(replace(question, dictionary=None))).body
            for part in parts_of(reply.body, reply.first("content-type") or "", reply.first("content-range")):
                assert is_part(part, whole), question
        else:
            assert reply.first("content-length") == str(len(reply.body))
            content = self.tree.content(question.logical, question.release)
            assert decoded(reply.body, coding, old) == content, question

    def _check_unchanged(
        self, question: Question, reply: Exchange, conditions: Mapping[str, str], *, is_delta: bool
    ) -> None:
        asked = conditions.get("If-None-Match")
        assert reply.body == b""
        assert asked in ("*", reply.first("etag")), question
        if not is_delta:
            # A cache that asks for a client without the dictionary must not send it its copy of a delta.
            assert reply.first("etag") not in self.tags_of_deltas(question), question


def _member(item: tuple[str, int]) -> str:
    coding, thousandths = item
    return coding if thousandths == 1000 else f"{coding};q={thousandths / 1000:.3f}"


def decoded(body: bytes, coding: str | None, dictionary: bytes | None) -> bytes:
    """Decode a body as a client does that has ``dictionary``."""
    if coding == "dcz":
        assert dictionary is not None
        return b"".join(decode_delta([body], dictionary, 10_000_000))
    if coding == "br":
        return bytes(brotli.decompress(body))
    return gzip.decompress(body) if coding == "gzip" else body
