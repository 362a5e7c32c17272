"""Content negotiation: which representation of an asset a request selects.

Invariant: a delta is selected only if the client names its coding and its dictionary, and may use it. In any
other case the choice is one of the whole representations (RFC 9110 section 12.5.3, RFC 9842 section 2.2).
"""

from __future__ import annotations

from hashserve.http.codings import choose_coding, is_named
from hashserve.http.dictionaries import may_use_dictionary, parse_available_dictionary
from hashserve.http.messages import Headers, Request
from hashserve.serve.assets import Asset, Representation

__all__ = ["allowed_origin", "dictionary_of", "offered_deltas", "saved_bytes", "select", "whole"]


def select(asset: Asset, request: Request) -> Representation:
    """Select the representation of ``asset`` that answers a GET."""
    if request.available_dictionary is not None and asset.deltas:
        delta = _delta(asset, request)
        if delta is not None:
            return delta
    return whole(asset, request)


def whole(asset: Asset, request: Request) -> Representation:
    """Select the best representation that needs no dictionary."""
    return asset.representations[choose_coding(request.accept_encoding, asset.sizes)]


def _delta(asset: Asset, request: Request) -> Representation | None:
    # A part of a delta helps no client, and a client that continues a download has a whole representation.
    if request.range is not None:
        return None
    digest = dictionary_of(request)
    delta = None if digest is None else asset.deltas.get(digest)
    if delta is None or not _is_best(delta, asset, request.accept_encoding):
        return None
    allowed = allowed_origin(asset.fields)
    may_use = may_use_dictionary(request.fetch_site, request.fetch_mode, request.origin, allowed)
    return delta if may_use else None


def dictionary_of(request: Request) -> str | None:
    """Return the digest of the dictionary that a client has; None if it names none."""
    value = request.available_dictionary
    return None if value is None else parse_available_dictionary(value)


def _is_best(delta: Representation, asset: Asset, accept_encoding: str | None) -> bool:
    """Whether a client that has the dictionary ranks a delta first; ``*`` says nothing about dictionaries."""
    coding = delta.coding
    if not is_named(coding, accept_encoding):
        return False
    return choose_coding(accept_encoding, {**asset.sizes, coding: delta.size}) == coding


def saved_bytes(asset: Asset, request: Request, delta: Representation) -> int:
    """Return how many bytes fewer a delta has than what is sent without it."""
    return whole(asset, request).size - delta.size


def offered_deltas(asset: Asset, accept_encoding: str | None) -> list[str]:
    """Return the digests of the dictionaries for which this Accept-Encoding value may select a delta."""
    return [digest for digest, delta in asset.deltas.items() if _is_best(delta, asset, accept_encoding)]


def allowed_origin(fields: Headers) -> str | None:
    """Return the value of Access-Control-Allow-Origin, or None."""
    return next((value for name, value in fields if name.lower() == "access-control-allow-origin"), None)
