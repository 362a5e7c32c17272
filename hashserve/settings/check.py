"""The settings of a check, as `check` and ``hashserve check`` take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hashserve.settings import Settings, setting
from hashserve.settings.build import JsReferences
from hashserve.settings.value_checks import (
    flag,
    one_of,
    optional,
    path,
    positive,
    size_limits,
    strings,
    url_path,
)

__all__ = ["DEFAULT_MAX_SIZES", "CheckSettings"]

DEFAULT_MAX_SIZES: Mapping[str, int] = {
    "document": 100_000,
    "style": 100_000,
    "script": 300_000,
    "font": 300_000,
    "image": 500_000,
    "media": 20_000_000,
    "other": 2_000_000,
}
"""By kind: the most bytes that one file should have, in its smallest variant."""


class CheckSettings(Settings, options=True):
    """How a folder is checked."""

    max_sizes: Mapping[str, int | None] = setting(
        default={},
        check=size_limits(DEFAULT_MAX_SIZES),
        help="Most bytes that a browser may load of one file (300k, 2M, off), of one kind (document, style, "
        "script, font, image, media, other) or of all kinds.",
        option="--max-size",
        metavar="[KIND=]BYTES",
    )
    prefix: str | None = setting(
        default=None,
        check=optional(url_path),
        help="URL path that the folder is served under, if its manifest does not state one.",
    )
    js_references: JsReferences = setting(
        default="rewrite",
        check=one_of("rewrite", "import-map", "off"),
        help="References in scripts that the build rewrote: rewrite, import-map or off.",
        metavar="CHOICE",
    )
    html: bool = setting(
        default=False,
        check=flag,
        help="Also check references in HTML pages, if the build rewrote them.",
    )
    accept: Sequence[str] = setting(
        default=(),
        check=strings,
        help="Rule whose findings to accept: all of them, or those in files whose logical path is like GLOB.",
        key="CHECK_ACCEPT",
        metavar="RULE[:GLOB]",
    )
    baseline: str | None = setting(
        default=None,
        check=optional(path),
        help="File of known findings, which are accepted; --write-baseline makes it.",
        key="CHECK_BASELINE",
        metavar="FILE",
    )
    threads: int | None = setting(
        default=None,
        check=optional(positive),
        help="Number of files that are read at once; None is one for each core.",
        option="",
    )

    def max_size(self, kind: str) -> int | None:
        """Return the limit for a kind in bytes, None for no limit."""
        return self.max_sizes.get(kind, DEFAULT_MAX_SIZES[kind])
