"""How a folder is to be checked.

Invariant: a setting that cannot mean anything is refused before anything is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from hashserve.builder.sources.scanner import JsReferences
from hashserve.errors import SettingError

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
"""By kind: how many bytes a browser should have to load of one file, as it is sent at its smallest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSettings:
    """How a folder is to be checked; raises `SettingError`.

    * ``max_sizes``: limits in bytes by kind (`DEFAULT_MAX_SIZES`), None for no limit; a kind that is
      not named keeps its default;
    * ``prefix``: the URL path that the folder is served under, where its manifest does not tell;
    * ``js_references``: what the build was told, see `hashserve.builder.BuildSettings`: scripts whose
      references it left alone are not blamed for naming unhashed files;
    * ``html``: whether pages are blamed for what they refer to, too: as it was built;
    * ``threads``: how many files are read at once, by default one a core.
    """

    max_sizes: Mapping[str, int | None] = field(default_factory=dict)
    prefix: str | None = None
    js_references: JsReferences = "rewrite"
    html: bool = False
    threads: int | None = None

    def __post_init__(self) -> None:
        for kind, limit in self.max_sizes.items():
            if kind not in DEFAULT_MAX_SIZES:
                raise SettingError("max_sizes", kind, f"must be among {', '.join(DEFAULT_MAX_SIZES)}")
            if limit is not None and limit < 0:
                raise SettingError("max_sizes", limit, "must be a number of bytes, 0 or more")
        if self.prefix is not None and not (self.prefix.startswith("/") and self.prefix.endswith("/")):
            raise SettingError("prefix", self.prefix, "must be a URL path that starts and ends with a slash")
        if self.js_references not in get_args(JsReferences):
            choices = ", ".join(get_args(JsReferences))
            raise SettingError("js_references", self.js_references, f"must be one of {choices}")
        if self.threads is not None and self.threads < 1:
            raise SettingError("threads", self.threads, "must be 1 or more")

    def max_size(self, kind: str) -> int | None:
        """Give the limit for a kind in bytes, None for none."""
        return self.max_sizes.get(kind, DEFAULT_MAX_SIZES[kind])
