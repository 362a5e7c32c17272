"""A site and the memory of its plain hits: what every adapter asks.

Invariant: what is recalled is what the site would answer; a hit on what never changes costs two lookups
and no I/O, one on a live file a look at it and its variants; and nothing is recalled past the
moment at which a new manifest is to be looked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from time import monotonic, time
from typing import Any, Generic, TypeVar

from hashserve.http.messages import Headers, Request
from hashserve.paths import native_string
from hashserve.serve.assets import Asset
from hashserve.serve.bounded_cache import ForkSafeLock
from hashserve.serve.inspection import Watched
from hashserve.serve.policy import Policy, with_expires
from hashserve.serve.respond import not_modified
from hashserve.serve.site import Answer, Site
from hashserve.settings.serve import ServeSettings

__all__ = ["LONGEST_REMEMBERED", "Entry", "Recalled", "Service"]

LONGEST_REMEMBERED = 256
"""How long an Accept-Encoding value may be, in characters, to be remembered with its answer."""

Fields = TypeVar("Fields")
V = TypeVar("V")

Entry = tuple[Callable[[], Fields], bytes, str, Callable[[], Fields]]
"""What copies the fields of the 200, its body, its entity-tag, what copies the fields of the 304."""

Recalled = tuple[int, Fields, tuple[bytes, ...]]
"""An answer from memory: its status, its fields (whoever's they are given to), its body."""


class Service(Generic[Fields]):
    """A `Site`, and its answers to plain requests, kept in the form that an adapter sends.

    ``copier`` makes of header fields a function that gives a new copy of them in that form.
    ``hot`` maps native paths to entries by Accept-Encoding, ``live`` those that count while what they
    rest on is unchanged. All paths that may be static lie from ``lowest`` to below ``highest``, which
    ``on_aim`` is told of; what is ``hot`` or ``live`` counts until ``due``, on the monotonic clock.
    Whoever never asks `recall_live`, for it waits for the disk, makes ``remembers_live`` false.
    """

    def __init__(
        self,
        settings: ServeSettings,
        copier: Callable[[Headers], Callable[[], Fields]],
        policy: Policy | None = None,
        *,
        on_aim: Callable[[str, str], None] = lambda lowest, highest: None,
    ) -> None:
        self.hot: dict[str, dict[str | None, Entry[Fields]]] = {}
        self.live: dict[str, dict[str | None, tuple[Watched, Entry[Fields]]]] = {}
        self.lowest, self.highest = "", ""  # no path is below ""
        self.due = 0.0
        self.remembers_live = True
        self._copier = copier
        self._on_aim = on_aim
        self._remembered = 0
        self._making_room = ForkSafeLock()
        self._prefixes: tuple[str, ...] = ()
        self.site = Site(settings, policy, on_change=self._forget)

    def covers(self, path: str) -> bool:
        """Whether a native path lies under a prefix, so that `answer` may know it."""
        return path.startswith(self._prefixes)

    def recall(self, path: str, method: str, fields: Mapping[str, Any]) -> Recalled[Fields] | None:
        """Answer from memory a request for a native path, or None: then `answer` is to be asked.

        ``fields`` are named as WSGI's environ and Django's META name them.
        """
        memo = self.hot.get(path)
        entry = None if memo is None else memo.get(fields.get("HTTP_ACCEPT_ENCODING"))
        # With a range or a precondition, more than path and Accept-Encoding decides.
        if (
            entry is None
            or "HTTP_RANGE" in fields
            or "HTTP_IF_MATCH" in fields
            or "HTTP_IF_MODIFIED_SINCE" in fields
            or "HTTP_IF_UNMODIFIED_SINCE" in fields
            or monotonic() >= self.due
        ):
            return None
        return _recalled(entry, method, fields.get("HTTP_IF_NONE_MATCH"))

    def recall_live(self, path: str, method: str, fields: Mapping[str, Any]) -> Recalled[Fields] | None:
        """Answer as `recall` does, but for a live file, which is looked at: this waits for the disk."""
        memo = self.live.get(path)
        found = None if memo is None else memo.get(fields.get("HTTP_ACCEPT_ENCODING"))
        etag = fields.get("HTTP_IF_NONE_MATCH")
        if (
            found is None
            or method not in ("GET", "HEAD")
            or etag not in (None, found[1][2])
            or "HTTP_RANGE" in fields
            or "HTTP_IF_MATCH" in fields
            or "HTTP_IF_UNMODIFIED_SINCE" in fields
            # Browsers send it beside If-None-Match, which decides alone then (RFC 9110 section 13.1.3).
            or (etag is None and "HTTP_IF_MODIFIED_SINCE" in fields)
            or monotonic() >= self.due
            or not found[0].is_unchanged()
        ):
            return None
        return _recalled(found[1], method, etag)

    def answer(self, request: Request) -> Answer | None:
        """Answer in full generality, and remember it if it can be recalled; None for the application's."""
        # Taken before the answer is made: if that is outdated meanwhile, so are these.
        hot, live = self.hot, self.live
        # A plain HEAD is answered as the GET that it asks about, so that both are remembered.
        is_head = request.method == "HEAD" and not request.has_preconditions
        asked = request._replace(method="GET", range=None) if is_head else request
        answer = self.site.answer(asked)
        self.due = self.site.check_due
        if answer is None:
            return None
        if answer.asset is not None and self._may_remember(asked):
            if answer.watched is None:
                self._remember(hot, asked, self._entry(answer, answer.asset))
            elif self.remembers_live:
                self._remember(live, asked, (answer.watched, self._entry(answer, answer.asset)))
        if is_head:
            answer = answer.without_body()
        return self._dated(answer) if self.site.policy.expires else answer

    def fallback(self, request: Request) -> Answer | None:
        """Answer a navigation with the single-page application's page, if there is one."""
        return self.site.fallback(request)

    def _may_remember(self, request: Request) -> bool:
        """Whether path and Accept-Encoding alone decide the answer, and there is time to recall it."""
        is_short = request.accept_encoding is None or len(request.accept_encoding) <= LONGEST_REMEMBERED
        return request.is_plain_get and is_short and self.site.settings.check_interval > 0

    def _remember(self, memo: dict[str, dict[str | None, V]], request: Request, value: V) -> None:
        of_path = memo.setdefault(request.path, {})
        if request.accept_encoding not in of_path:
            self._make_room()
        of_path[request.accept_encoding] = value

    def _entry(self, answer: Answer, asset: Asset) -> Entry[Fields]:
        headers = answer.response.headers
        etag = next(value for name, value in headers if name == "ETag")
        body = b"".join(part for part in answer.response.body if isinstance(part, bytes))
        return self._copies(headers), body, etag, self._copies(not_modified(asset, etag).headers)

    def _copies(self, headers: Headers) -> Callable[[], Fields]:
        if not self.site.policy.expires:
            return self._copier(headers)
        return partial(self._dated_copy, headers)

    def _dated_copy(self, headers: Headers) -> Fields:
        return self._copier(with_expires(headers, int(time())))()

    def _dated(self, answer: Answer) -> Answer:
        headers = with_expires(answer.response.headers, int(time()))
        return answer._replace(response=answer.response._replace(headers=headers))

    def _make_room(self) -> None:
        """Count one more that is remembered; where that is too many, all before are forgotten."""
        with self._making_room:
            if self._remembered >= self.site.settings.memo_size:
                self._begin_anew()
            self._remembered += 1

    def _forget(self) -> None:
        with self._making_room:
            self._begin_anew()

    def _begin_anew(self) -> None:
        self._aim()
        self.hot, self.live = {}, {}
        self._remembered = 0

    def _aim(self) -> None:
        """Take in which paths are static; a new manifest may say so for a mount that was given no prefix."""
        natives = [native_string(mount.prefix) for mount in self.site.mounts]
        has_index = self.site.settings.index_name is not None
        bare = [native.rstrip("/") for native in natives if has_index and native != "/"]
        self._prefixes = tuple(dict.fromkeys((*natives, *bare)))
        # Every path that starts with a prefix lies from it to it with its last character raised by one.
        self.lowest = min(self._prefixes)
        self.highest = max(prefix[:-1] + chr(ord(prefix[-1]) + 1) for prefix in self._prefixes if prefix)
        self._on_aim(self.lowest, self.highest)


def _recalled(entry: Entry[Fields], method: str, if_none_match: str | None) -> Recalled[Fields] | None:
    copy_fields, body, etag, copy_not_modified_fields = entry
    if if_none_match is None:
        if method == "GET":
            return 200, copy_fields(), (body,)
        return (200, copy_fields(), ()) if method == "HEAD" else None
    if if_none_match == etag and method in ("GET", "HEAD"):
        return 304, copy_not_modified_fields(), ()
    return None
