from __future__ import annotations

from hashserve.manifest.importers.phoenix import from_phoenix
from tests.manifest.importers.examples import MD5, OLD_MD5, PHOENIX


def test_phoenix_keeps_the_digests_of_older_releases_immutable() -> None:
    manifest = from_phoenix(PHOENIX, "m")
    assert manifest.paths == {"css/app.css": f"css/app-{MD5}.css", "robots.txt": "robots.txt"}
    assert manifest.files == {f"css/app-{MD5}.css": None, f"css/app-{OLD_MD5}.css": None}
