"""Rules about sizes: no file is larger to load than files of its kind should be."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from hashserve.check.checked_folder import CheckedFolder
from hashserve.check.findings import CheckFinding, finding
from hashserve.http.media_types import MediaTypes
from hashserve.settings.check import CheckSettings

__all__ = ["size_findings"]

_KIND_OF_MEDIA_TYPE = {
    "text/html": "document",
    "text/css": "style",
    "text/javascript": "script",
    "application/javascript": "script",
    "application/vnd.ms-fontobject": "font",
    "application/x-font-ttf": "font",
    "application/font-woff": "font",
}
_KIND_OF_MAIN_TYPE = {"font": "font", "image": "image", "audio": "media", "video": "media"}


def size_findings(folder: CheckedFolder, settings: CheckSettings) -> Iterator[CheckFinding]:
    """Yield files that are too large to load: of the release in force, or of all if there is none."""
    current = folder.index.current_paths
    for path, item in folder.paths.items():
        kind = _kind_of(path)
        if kind is None or item.on_disk.file is None or (current and path not in current):
            continue
        limit = settings.max_size(kind)
        size = min(file.size for file in item.on_disk.files)
        if limit is not None and size > limit:
            message = f"takes {size:,} bytes to load; the limit for kind {kind!r} is {limit:,}"
            yield finding("oversize", path, message)


def _kind_of(path: str) -> str | None:
    """Return the kind of a file by its media type, None for a source map, which no page loads."""
    if path.lower().endswith(".map"):
        return None
    media_type = _media_types().content_type(path).partition(";")[0].lower()
    main_type = media_type.partition("/")[0]
    return _KIND_OF_MEDIA_TYPE.get(media_type) or _KIND_OF_MAIN_TYPE.get(main_type, "other")


@functools.cache
def _media_types() -> MediaTypes:
    return MediaTypes()
