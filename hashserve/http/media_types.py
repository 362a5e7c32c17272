"""Media types, by the name of a file.

Invariant: a name has the same media type on every machine, because no table of the system is used. The
curated table is WhiteNoise's, which comes from nginx.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from types import ModuleType

__all__ = ["MediaTypes"]

_OURS = {
    ".avif": "image/avif",
    ".cjs": "text/javascript",
    ".map": "application/json",
    ".md": "text/markdown",
    ".opus": "audio/ogg",
    ".toml": "application/toml",
    ".ttf": "font/ttf",
    ".otf": "font/otf",
    ".ttc": "font/collection",
    ".vtt": "text/vtt",
    ".webmanifest": "application/manifest+json",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
}
"""Types that the curated table lacks, or has under an older name; IANA has registered them."""


def _curated_table() -> ModuleType:
    """Load WhiteNoise's table without its package, whose middleware imports 3 MB in 13 ms."""
    name = "whitenoise.media_types"
    package = find_spec("whitenoise")
    spec = PathFinder.find_spec(name, package.submodule_search_locations) if package else None
    if spec is None or spec.loader is None:  # pragma: no cover  # in a frozen application
        return import_module(name)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_curated = _curated_table()


class MediaTypes:
    """The curated table, ours, and the caller's; a later one takes precedence over those before it.

    ``extra`` maps an extension with its dot (``".foo"``), or a whole file name, to a media type, as
    WhiteNoise's ``mimetypes`` argument does; case does not matter. ``charset`` is added to every
    ``text/`` type without a charset.
    """

    def __init__(self, extra: Mapping[str, str] | None = None, *, charset: str = "utf-8") -> None:
        lowered = {name.lower(): media_type for name, media_type in (extra or {}).items()}
        self._types = _curated.MediaTypes(extra_types={**_OURS, **lowered})
        self._charset = charset

    def content_type(self, path: str) -> str:
        """Return the Content-Type value for a file named ``path``."""
        return self.with_charset(self._types.get_type(path))

    def with_charset(self, media_type: str) -> str:
        """Add the charset parameter to a text type that has none."""
        # Types and names of parameters are case-insensitive (RFC 9110 section 8.3.1).
        lowered = media_type.lower()
        if lowered.startswith("text/") and "charset=" not in lowered:
            return f"{media_type}; charset={self._charset}"
        return media_type
