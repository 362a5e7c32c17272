from __future__ import annotations

from typing import Any

import pytest

from hashserve.manifest.importers.sprockets import from_sprockets
from tests.manifest.importers.examples import BASE64, MD5, SHA256, SPROCKETS


def test_sprockets_states_size_and_digest_and_keeps_older_files() -> None:
    manifest = from_sprockets(SPROCKETS, "m")
    assert manifest.paths == {"application.js": f"application-{SHA256}.js"}
    assert manifest.files == {f"application-{SHA256}.js": f"148 {BASE64}", f"application-{MD5}.js": None}
    record = manifest.record(f"application-{SHA256}.js")
    assert record is not None
    assert (record.size, record.sha256) == (148, BASE64)


@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"size": 1},
        {"integrity": f"sha256-{BASE64}"},
        {"size": 1, "integrity": "sha384-" + "A" * 64},
        {"size": 1, "integrity": "sha256-AAAA"},
        {"size": 1, "integrity": None},
    ],
)
def test_sprockets_files_without_size_and_sha256_have_neither(entry: dict[str, Any]) -> None:
    document = {"files": {f"a-{MD5}.js": {"logical_path": "a.js", **entry}}, "assets": {}}
    assert from_sprockets(document, "m").files == {f"a-{MD5}.js": None}


def test_an_asset_of_sprockets_without_a_file_entry_is_listed() -> None:
    assert from_sprockets({"files": {}, "assets": {"a.js": f"a-{MD5}.js"}}, "m").files == {
        f"a-{MD5}.js": None
    }
