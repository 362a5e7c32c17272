"""An answer: a response that is ready to be sent, and what it is counted as.

Invariant: each answer has one kind. If a file cannot be served, this is logged, and the kind is ``failed``.
"""

from __future__ import annotations

import os
from typing import Literal, NamedTuple

from hashserve.http.messages import Response
from hashserve.serve.assets import Asset
from hashserve.serve.inspection import Watched

__all__ = ["KINDS", "Answer", "Kind"]

Kind = Literal["fingerprinted", "unhashed", "redirect", "unknown", "missing", "fallback", "failed"]
"""The kinds of answers:

* ``fingerprinted``: a file that a retained release lists;
* ``unhashed``: a file that is on disk now;
* ``redirect``: to the one URL of an index file, or to a page's without a slash;
* ``unknown``: a fingerprint that no retained release has, redirected or not;
* ``missing``: any other path without a file;
* ``fallback``: the page of a single-page application, for a path without a file;
* ``failed``: a file that exists, or should, and cannot be served.
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
"""All kinds, the most frequent first."""


class Answer(NamedTuple):
    """A response with its body: bytes in memory, or spans of the file that is open at ``descriptor``.

    The caller closes the descriptor. ``asset`` is set if only the path of a GET and content negotiation
    decide the response. Such an answer may be remembered until the site changes, and, if something is
    ``watched``, as long as that is unchanged. ``saved`` is set if the body is a delta: how many bytes more
    the best whole representation has.
    """

    response: Response
    descriptor: int | None = None
    asset: Asset | None = None
    watched: Watched | None = None
    kind: Kind = "missing"
    saved: int | None = None

    def without_body(self) -> Answer:
        """Close the descriptor, and return the answer to HEAD."""
        if self.descriptor is not None:
            os.close(self.descriptor)
        return Answer(self.response._replace(body=()), kind=self.kind)
