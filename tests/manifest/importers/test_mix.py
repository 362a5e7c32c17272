from __future__ import annotations

import pytest

from hashserve.manifest.importers.mix import from_mix
from hashserve.manifest.model import Manifest
from tests.manifest.examples import node_id
from tests.manifest.importers.examples import MD5


@pytest.mark.parametrize(
    ("query", "encoded"),
    [
        ("id=0123&x=%20", "id=0123&x=%20"),
        ('id=1"><script>', "id=1%22%3E%3Cscript%3E"),
        ("[id]=1 %zz", "%5Bid%5D=1%20%25zz"),
        ("é\ud800", "%C3%A9?"),
        ("a\r\nb", "a%0D%0Ab"),
    ],
    ids=node_id,
)
def test_a_query_is_encoded_so_that_a_page_can_contain_it(query: str, encoded: str) -> None:
    manifest = from_mix({"/js/app.js": f"/js/app.js?{query}"}, "m")
    assert manifest.queries == {"js/app.js": encoded}
    assert Manifest.loads(manifest.dumps()).queries == manifest.queries


def test_mix_versions_files_by_their_query() -> None:
    document = {
        "/js/app.js": f"/js/app.js?id={MD5}",
        "/css/app.css": "/css/app.css",
        "/js/chunk.0a1b2c3d.js": "/js/chunk.0a1b2c3d.js?id=1",
        "/js/hot.js": "//localhost:8080/js/hot.js",
    }
    manifest = from_mix(document, "m")
    assert manifest.paths == {
        "js/app.js": "js/app.js",
        "css/app.css": "css/app.css",
        "js/chunk.0a1b2c3d.js": "js/chunk.0a1b2c3d.js",
    }
    assert manifest.queries == {"js/app.js": f"id={MD5}", "js/chunk.0a1b2c3d.js": "id=1"}
    assert manifest.files == {"js/chunk.0a1b2c3d.js": None}
