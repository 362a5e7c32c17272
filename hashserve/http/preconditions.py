"""Preconditions: whether the client's own copy decides the response (RFC 9110 section 13).

Invariant: each field has one function, and `evaluate` alone knows their order (section 13.2.2).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from hashserve.http.dates import parse_date
from hashserve.http.entity_tags import EntityTag, parse_entity_tag, parse_entity_tags
from hashserve.http.messages import Request

__all__ = ["NotModified", "PreconditionFailed", "Validators", "evaluate", "range_applies"]


class Validators(NamedTuple):
    """What a client may name to say which copy it has.

    ``etag`` is the selected representation's, None if it has none; ``others`` are those of the asset's other
    codings.
    ``last_modified`` is in whole seconds since the epoch, None where there is none.
    """

    etag: EntityTag | None
    others: Collection[EntityTag] = ()
    last_modified: int | None = None


class NotModified(NamedTuple):
    """304: the client has the representation that ``etag`` names, if that has one."""

    etag: EntityTag | None


class PreconditionFailed(NamedTuple):
    """412: the condition in ``field`` is false."""

    field: str


def evaluate(request: Request, validators: Validators) -> NotModified | PreconditionFailed | None:
    """Evaluate the preconditions of a GET, in the order of section 13.2.2; None where all hold."""
    if request.if_match is not None:
        if not if_match_holds(request.if_match, validators.etag):
            return PreconditionFailed("If-Match")
    elif request.if_unmodified_since is not None and not if_unmodified_since_holds(
        request.if_unmodified_since, validators.last_modified
    ):
        return PreconditionFailed("If-Unmodified-Since")
    if request.if_none_match is not None:
        return if_none_match_finds(request.if_none_match, validators)
    if request.if_modified_since is not None and not if_modified_since_holds(
        request.if_modified_since, validators.last_modified
    ):
        return NotModified(validators.etag)
    return None


def if_match_holds(value: str, etag: EntityTag | None) -> bool:
    """If-Match (13.1.1): ``*``, or a tag that strongly matches the selected representation's."""
    if value.strip(" \t") == "*":
        return True
    return etag is not None and any(map(etag.matches_strongly, parse_entity_tags(value)))


def if_unmodified_since_holds(value: str, last_modified: int | None) -> bool:
    """If-Unmodified-Since (13.1.4); true where either date is missing or invalid."""
    since = parse_date(value)
    return since is None or last_modified is None or last_modified <= since


def if_none_match_finds(value: str, validators: Validators) -> NotModified | None:
    """If-None-Match (13.1.2): return the tag of the copy that the client may keep, or None for no copy.

    That is the selected representation's tag if it is listed or ``*`` is sent. Otherwise it is a
    listed tag of another coding of the same content, which is as good.
    """
    selected = validators.etag
    if value.strip(" \t") == "*":
        return NotModified(selected)
    if selected is None:
        return None
    known = {etag.opaque: etag for etag in (*validators.others, selected)}
    found = None
    for candidate in parse_entity_tags(value):
        if candidate.matches_weakly(selected):
            return NotModified(selected)
        found = found or known.get(candidate.opaque)
    return None if found is None else NotModified(found)


def if_modified_since_holds(value: str, last_modified: int | None) -> bool:
    """If-Modified-Since (13.1.3); true where either date is missing or invalid."""
    since = parse_date(value)
    return since is None or last_modified is None or last_modified > since


def range_applies(value: str | None, validators: Validators) -> bool:
    """If-Range (13.1.5): whether Range applies; only a strong tag or the exact date matches.

    A date says nothing where several codings share it, nor where the tag is weak: the same date may have
    been that of other bytes.
    """
    if value is None:
        return True
    etag = parse_entity_tag(value)
    if etag is not None:
        return validators.etag is not None and etag.matches_strongly(validators.etag)
    if validators.others or (validators.etag is not None and validators.etag.weak):
        return False
    return validators.last_modified is not None and parse_date(value) == validators.last_modified
