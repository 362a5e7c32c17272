from __future__ import annotations

from typing import Any

import pytest

from hashserve.manifest.importers.propshaft import from_propshaft
from tests.manifest.importers.examples import SHA256


@pytest.mark.parametrize(
    "document",
    [
        {"app.js": "app-0a1b2c3d.js", "x/LICENSE": "x/LICENSE-deadbeef", "a.txt": "a.txt"},
        {
            "app.js": {"digested_path": "app-0a1b2c3d.js", "integrity": "sha384-..."},
            "x/LICENSE": {"digested_path": "x/LICENSE-deadbeef"},
            "a.txt": {"digested_path": "a.txt", "integrity": None},
        },
    ],
)
def test_both_forms_of_propshafts_manifest_mean_the_same(document: dict[str, Any]) -> None:
    manifest = from_propshaft(document, "m")
    assert manifest.paths == {
        "app.js": "app-0a1b2c3d.js",
        "x/LICENSE": "x/LICENSE-deadbeef",
        "a.txt": "a.txt",
    }
    assert manifest.files == {"app-0a1b2c3d.js": None, "x/LICENSE-deadbeef": None}


@pytest.mark.parametrize(
    ("logical", "path", "immutable"),
    [
        ("app.js", "app-deadbeef.js", True),
        ("app.js.map", "app-0a1b2c3d.js.map", True),
        ("a-b.js", f"a-b-{SHA256}.js", True),
        ("chunk-ABCDEFG.digested.js", "chunk-ABCDEFG.digested.js", True),
        ("app.js", "app.js", False),
        ("app.js", "app-document.js", False),
        ("app.js", "other-0a1b2c3d.js", False),
        ("app.js", "app-0a1b2c3d.css", False),
        ("app.js", "app-0a1b2c.js", False),
        ("application.js", "app.js", False),
        ("app.js", "app_0a1b2c3d.js", False),
    ],
)
def test_a_path_is_immutable_only_as_its_logical_path_with_a_digest_in_it(
    logical: str, path: str, immutable: bool
) -> None:
    manifest = from_propshaft({logical: path}, "m")
    assert manifest.paths == {logical: path}
    assert (path in manifest.files) is immutable
