"""The memo: answers to plain GET and HEAD requests, in the form that a gateway sends.

Invariant: an answer is recalled only where the site would answer the same, and never once the site is due to
look for a new manifest. To recall an immutable file takes two lookups and no I/O, and one more if the client
has a dictionary; to recall a live file, the file and its variants are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from time import monotonic
from typing import Any, Generic, TypeVar

from hashserve.http.dictionaries import LONGEST_FIELD, canonical_field, field_value, may_use_dictionary
from hashserve.http.messages import CONDITIONAL_FIELDS, Request
from hashserve.serve.inspection import Watched
from hashserve.serve.locks import ForkSafeLock

__all__ = [
    "BYPASSING_FIELDS",
    "LONGEST_REMEMBERED",
    "AnswerMemo",
    "ByPath",
    "Choice",
    "Entry",
    "Recalled",
    "chosen",
]

LONGEST_REMEMBERED = 256
"""The longest Accept-Encoding value, in characters, that an answer is remembered for."""

_DATE_FIELD = "HTTP_IF_MODIFIED_SINCE"

BYPASSING_FIELDS = tuple(f"HTTP_{name.upper()}" for name in CONDITIONAL_FIELDS if name != "if_none_match")
"""Request fields, named as in WSGI's environ, with which no answer is recalled.

If-None-Match is not one of them, because an entry can answer it. With If-None-Match, If-Modified-Since
does not count (RFC 9110 section 13.1.3).
"""

Fields = TypeVar("Fields")
V = TypeVar("V")

Entry = tuple[Callable[[], Fields], bytes, str, Callable[[], Fields], Callable[[], Fields]]
"""A function that copies the fields of the 200; its body; its entity-tag; and the functions that copy the
fields of the 304 and of the answer to HEAD."""

Recalled = tuple[int, Fields, tuple[bytes, ...]]
"""A recalled answer: its status, its fields, which are the caller's own, and its body."""

ByPath = dict[str, dict["str | None", V]]
"""Values by path, then by Accept-Encoding value."""


Choice = tuple[dict["str | None", "Entry[Fields] | None"], "str | None"]
"""The answers for a file that has deltas, and its Access-Control-Allow-Origin.

The answers are by Available-Dictionary as browsers send it; that to clients without a known dictionary has
the key None. An entry is None until its answer was made.
"""

MOST_VALUES = 16
"""How many values of Available-Dictionary a choice has: those with a delta, and the first ones without."""


class AnswerMemo(Generic[Fields]):
    """At most ``limit`` answers: ``hot`` has those of files that never change, ``live`` those of other files.

    Where a dictionary of the client may decide, the entry in ``hot`` is None, and ``choices`` has the
    answers. A request without a dictionary pays nothing for that: clients that have one add the codings
    ``dcb`` and ``dcz`` to Accept-Encoding. All answers are valid until ``due`` on the monotonic clock, live
    ones only while their files are unchanged.
    """

    def __init__(self, limit: int) -> None:
        self.hot: ByPath[Entry[Fields] | None] = {}
        self.choices: ByPath[Choice[Fields]] = {}
        self.live: ByPath[tuple[Watched, Entry[Fields]]] = {}
        self.due = 0.0
        self._limit = limit
        self._remembered = 0
        self._guard = ForkSafeLock()

    def recall(self, path: str, method: str, fields: Mapping[str, Any]) -> Recalled[Fields] | None:
        """Return the remembered answer to a request for a native path, or None.

        ``fields`` are named as in WSGI's environ and Django's META.
        """
        of_path = self.hot.get(path)
        if of_path is None:
            return None
        accept_encoding = fields.get("HTTP_ACCEPT_ENCODING")
        entry = of_path.get(accept_encoding)
        if entry is None:
            choice = self.choices.get(path, {}).get(accept_encoding)
            entry = None if choice is None else chosen(choice, fields)
            if entry is None:
                return None
        found = self._select(entry, method, fields)
        return None if found is None else (found[0], found[1](), found[2])

    def recall_live(self, path: str, method: str, fields: Mapping[str, Any]) -> Recalled[Fields] | None:
        """Do what `recall` does, for a live file. This call waits for the disk, to look at the file."""
        of_path = self.live.get(path)
        known = None if of_path is None else of_path.get(fields.get("HTTP_ACCEPT_ENCODING"))
        if known is None:
            return None
        found = self._select(known[1], method, fields)
        if found is None or not known[0].is_unchanged():
            return None
        return found[0], found[1](), found[2]

    def _select(
        self, entry: Entry[Fields], method: str, fields: Mapping[str, Any]
    ) -> tuple[int, Callable[[], Fields], tuple[bytes, ...]] | None:
        """Return the part of an entry that answers a request; None if the entry alone cannot answer it."""
        if monotonic() >= self.due or method not in ("GET", "HEAD"):
            return None
        etag = fields.get("HTTP_IF_NONE_MATCH")
        for name in BYPASSING_FIELDS:
            if name in fields and (name != _DATE_FIELD or etag is None):
                return None
        if etag is None:
            return (200, entry[0], (entry[1],)) if method == "GET" else (200, entry[4], ())
        return (304, entry[3], ()) if etag == entry[2] else None

    def remember(self, values: ByPath[V], request: Request, value: V) -> None:
        """Remember a value for a plain GET in ``hot`` or ``live``.

        The caller reads ``hot`` or ``live`` before it makes the value. If the memo is cleared in between, the
        value is outdated, and goes into a dictionary that is no longer used.
        """
        if request.accept_encoding is not None and len(request.accept_encoding) > LONGEST_REMEMBERED:
            return
        of_path = values.setdefault(request.path, {})
        if request.accept_encoding not in of_path:
            self._make_room()
        of_path[request.accept_encoding] = value

    def remember_choice(
        self,
        hot: ByPath[Entry[Fields] | None],
        choices: ByPath[Choice[Fields]],
        request: Request,
        entry: Entry[Fields],
        *,
        digest: str | None,
        offered: Iterable[str],
        allowed_origin: str | None,
    ) -> None:
        """Remember the entry of a delta against the dictionary ``digest``, or of what others get for None.

        ``offered`` are the digests of all dictionaries that this Accept-Encoding value gets deltas against.
        The caller reads ``hot`` and ``choices`` first, as for `remember`.
        """
        accept_encoding = request.accept_encoding
        if accept_encoding is None or len(accept_encoding) > LONGEST_REMEMBERED:
            return
        new: Choice[Fields] = dict.fromkeys([None, *map(field_value, offered)]), allowed_origin
        entries, _ = choices.setdefault(request.path, {}).setdefault(accept_encoding, new)
        key = None if digest is None else field_value(digest)
        # It is there if the same answer was made again, to look for a new manifest. If that brought this
        # delta, the choice is outdated, and lacks its key.
        if entries.get(key, entry) is None:
            self._make_room()
            entries[key] = entry
        hot.setdefault(request.path, {})[accept_encoding] = None

    def _make_room(self) -> None:
        """Count one more answer; if there are too many, forget all others."""
        with self._guard.lock:
            if self._remembered >= self._limit:
                self._start_again()
            self._remembered += 1

    def clear(self) -> None:
        """Forget every answer."""
        with self._guard.lock:
            self._start_again()

    def _start_again(self) -> None:
        self.hot, self.choices, self.live, self._remembered = {}, {}, {}, 0

    def __len__(self) -> int:
        # Copied into lists first, because other threads add to the dictionaries.
        entries = [entry for of_path in [*self.hot.values()] for entry in [*of_path.values()]]
        choices = [choice for of_path in [*self.choices.values()] for choice in [*of_path.values()]]
        for of_choice, _ in choices:
            entries += {id(entry): entry for entry in [*of_choice.values()]}.values()
        return len(entries) - entries.count(None) + sum(map(len, [*self.live.values()]))


def chosen(choice: Choice[Fields], fields: Mapping[str, Any]) -> Entry[Fields] | None:
    """Return the entry for the client's dictionary: what `hashserve.serve.negotiation.select` selects.

    It is None if its answer was not made yet.
    """
    entries, allowed_origin = choice
    value = fields.get("HTTP_AVAILABLE_DICTIONARY")
    if value is not None and value not in entries:
        value = _known(value, entries)
    site, mode = fields.get("HTTP_SEC_FETCH_SITE"), fields.get("HTTP_SEC_FETCH_MODE")
    may_use = may_use_dictionary(site, mode, fields.get("HTTP_ORIGIN"), allowed_origin)
    return entries[value if may_use else None]


def _known(value: str, entries: dict[str | None, Entry[Fields] | None]) -> str | None:
    """Return the key for another value, which may name a dictionary in another form, or an unknown one."""
    known = canonical_field(value) if len(value) <= LONGEST_FIELD else None
    if known in entries:
        return known
    # Clients that have a release without a delta send the same few values.
    entry = entries[None]
    if known is not None and entry is not None and len(entries) < MOST_VALUES:
        entries[known] = entry
    return None
