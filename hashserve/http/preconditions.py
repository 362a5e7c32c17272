"""Preconditions: whether the client's copy decides the answer (RFC 9110 section 13).

Invariant: one function for each field, and their order in one place, `evaluate` (section 13.2.2).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from hashserve.http.messages import Request
from hashserve.http.outcomes import Outcome
from hashserve.http.validators import EntityTag, parse_date, parse_entity_tag, parse_entity_tags

__all__ = ["Failed", "Fulfilled", "NotModified", "Validators", "evaluate", "range_applies"]


class Validators(NamedTuple):
    """What a representation can be recognised by.

    ``etag`` is the selected representation's; ``others`` are those of the asset's other codings.
    ``last_modified`` is in whole seconds since the epoch, None where there is none.
    """

    etag: EntityTag
    others: Collection[EntityTag] = ()
    last_modified: int | None = None


class Fulfilled(Outcome):
    """Go on: nothing stands in the way of the answer."""

    __slots__ = ()


class NotModified(NamedTuple):
    """304: the client has it, as the representation that ``etag`` names."""

    etag: EntityTag


class Failed(Outcome):
    """412."""

    __slots__ = ()


_FULFILLED = Fulfilled()


def evaluate(request: Request, validators: Validators) -> Fulfilled | NotModified | Failed:
    """Evaluate the preconditions of a GET or HEAD, in the order of section 13.2.2."""
    if request.if_match is not None:
        if not if_match_holds(request.if_match, validators.etag):
            return Failed()
    elif request.if_unmodified_since is not None and not if_unmodified_since_holds(
        request.if_unmodified_since, validators.last_modified
    ):
        return Failed()
    if request.if_none_match is not None:
        matched = if_none_match_finds(request.if_none_match, validators)
        return NotModified(matched) if matched else _FULFILLED
    if request.if_modified_since is not None and not if_modified_since_holds(
        request.if_modified_since, validators.last_modified
    ):
        return NotModified(validators.etag)
    return _FULFILLED


def if_match_holds(value: str, etag: EntityTag) -> bool:
    """If-Match (13.1.1): ``*``, or a tag that strongly matches the selected representation's."""
    return value.strip(" \t") == "*" or any(map(etag.matches_strongly, parse_entity_tags(value)))


def if_unmodified_since_holds(value: str, last_modified: int | None) -> bool:
    """If-Unmodified-Since (13.1.4); true where there is no such date or no modification date."""
    since = parse_date(value)
    return since is None or last_modified is None or last_modified <= since


def if_none_match_finds(value: str, validators: Validators) -> EntityTag | None:
    """If-None-Match (13.1.2): the tag by which the client's copy is still good, or None.

    The selected representation's where it is listed or ``*`` is sent; else that of another coding
    of the same content, which is as good.
    """
    if value.strip(" \t") == "*":
        return validators.etag
    known = {etag.opaque: etag for etag in (*validators.others, validators.etag)}
    found = None
    for candidate in parse_entity_tags(value):
        if candidate.matches_weakly(validators.etag):
            return validators.etag
        found = found or known.get(candidate.opaque)
    return found


def if_modified_since_holds(value: str, last_modified: int | None) -> bool:
    """If-Modified-Since (13.1.3); true where there is no such date or no modification date."""
    since = parse_date(value)
    return since is None or last_modified is None or last_modified > since


def range_applies(value: str | None, validators: Validators) -> bool:
    """If-Range (13.1.5): whether a Range is to be honoured: strong tag or exact date alone match."""
    if value is None:
        return True
    etag = parse_entity_tag(value)
    if etag is not None:
        return etag.matches_strongly(validators.etag)
    return validators.last_modified is not None and parse_date(value) == validators.last_modified
