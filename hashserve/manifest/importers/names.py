"""Names of files, with and without the fingerprint that a tool inserted.

Invariant: a name counts as fingerprinted only where it is the plain name with a fingerprint inserted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

__all__ = ["common_length", "is_digested", "is_inserted"]

_DIGEST = re.compile(r"-[0-9a-f]{7,128}")

# A file that another tool has fingerprinted; Propshaft and Sprockets 4 keep its name.
_ALREADY_DIGESTED = re.compile(r"-[0-9a-zA-Z_-]{7,128}\.digested\.[^/]*\Z")


def is_digested(path: str, logical: str) -> bool:
    """Whether ``path`` is ``logical`` with a digest inserted, as Phoenix, Propshaft and Sprockets do it."""
    return _ALREADY_DIGESTED.search(path) is not None or is_inserted(_DIGEST, path, logical)


def is_inserted(token: re.Pattern[str], path: str, plain: str) -> bool:
    """Whether ``path`` is ``plain`` with ``token`` inserted before an extension, or at the end."""
    start = common_length(plain, path)
    end = start + len(path) - len(plain)
    return (
        plain[start : start + 1] in ("", ".")
        and path[end:] == plain[start:]
        and token.fullmatch(path, start, max(end, start)) is not None
    )


def common_length(first: Sequence[str], second: Sequence[str]) -> int:
    """Return how many items two sequences have in common at their start."""
    pairs = zip(first, second, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
