"""Which media type a file is sent with.

Invariant: it depends on the file's name alone, the same on every machine: never on the system's own
tables. The curated table is WhiteNoise's (itself derived from nginx's).
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
"""What the curated table has not or has under an older name; registered with IANA."""


def _curated_table() -> ModuleType:
    """Load WhiteNoise's table alone: with the package comes its middleware, 13 ms and 3 MB of imports."""
    name = "whitenoise.media_types"
    package = find_spec("whitenoise")
    spec = PathFinder.find_spec(name, package.submodule_search_locations) if package else None
    if spec is None or spec.loader is None:  # pragma: no cover  # as in an application frozen into one file
        return import_module(name)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_curated = _curated_table()


class MediaTypes:
    """The curated table, ours, and the caller's, each before the one named first.

    ``extra`` maps an extension with its dot (``".foo"``) or a whole file name to a media type,
    both compared in lower case, as WhiteNoise's ``mimetypes`` argument does. ``charset`` is
    added to every ``text/`` type that names none.
    """

    def __init__(self, extra: Mapping[str, str] | None = None, *, charset: str = "utf-8") -> None:
        lowered = {name.lower(): media_type for name, media_type in (extra or {}).items()}
        self._types = _curated.MediaTypes(extra_types={**_OURS, **lowered})
        self._charset = charset

    def content_type(self, path: str) -> str:
        """Give the Content-Type value for a file called ``path``."""
        return self.with_charset(self._types.get_type(path))

    def with_charset(self, media_type: str) -> str:
        """Add the charset parameter where the type is text and has none."""
        # Types and the names of parameters are case-insensitive (RFC 9110 section 8.3.1).
        lowered = media_type.lower()
        if lowered.startswith("text/") and "charset=" not in lowered:
            return f"{media_type}; charset={self._charset}"
        return media_type
