"""References that a storage's patterns find."""

from __future__ import annotations

import json

from hashserve.django.storage import ManifestStaticFilesStorage
from tests.support.collected_site import CollectedSite
from tests.support.files import put


class OwnPatterns(ManifestStaticFilesStorage):
    patterns = (
        *ManifestStaticFilesStorage.patterns,
        ("*.json", ((r'(?P<matched>"icon": "(?P<url>[^"]+)")', '"icon": "%(url)s"'),)),
    )


def test_patterns_of_the_project_find_more_references(site: CollectedSite) -> None:
    put(site.source, "app.json", '{"é": 1, "icon": "img/a.svg", "other": "img/a.svg"}'.encode())
    paths = site.collect_with(OwnPatterns)
    expected = {"é": 1, "icon": paths["img/a.svg"], "other": "img/a.svg"}
    assert json.loads((site.root / paths["app.json"]).read_bytes()) == expected
