"""What an answer was an answer to, for whoever counts.

Invariant: each answer has exactly one kind, and every reason to look into the log is of the kind ``failed``.
"""

from __future__ import annotations

from typing import Literal

__all__ = ["KINDS", "Kind"]

Kind = Literal["fingerprinted", "unhashed", "redirect", "unknown", "missing", "fallback", "failed"]
"""The kinds of answers:

* ``fingerprinted``: a file that a retained release lists;
* ``unhashed``: a file as it is on disk now;
* ``redirect``: to the one URL of an index file;
* ``unknown``: a fingerprint that no retained release has, redirected or not;
* ``missing``: any other path that names nothing;
* ``fallback``: the page of a single-page application, in the place of nothing;
* ``failed``: a file that is there, or should be, and cannot be served.
"""

KINDS: tuple[Kind, ...] = (
    "fingerprinted",
    "unhashed",
    "redirect",
    "unknown",
    "missing",
    "fallback",
    "failed",
)
"""All of them, the most frequent first."""
