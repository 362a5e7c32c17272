"""The manifest that the tests share as an example, and checks of any manifest."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from hashserve.digests import digest_of
from hashserve.errors import ManifestError
from hashserve.manifest.model import Manifest, Release

DIGEST = digest_of([b"0123456789"])
ROW = f"1234 {DIGEST} 301 402"

FULL = Manifest(
    paths={
        "css/app.css": "css/app.55e7cbb9ba48.css",
        "é ü.txt": "é ü.0123456789ab.txt",
        "robots.txt": "robots.txt",
    },
    files={
        "css/app.55e7cbb9ba48.css": ROW,
        "css/app.0a1b2c3d4e5f.css": f"0 {DIGEST} 0 0",
        "é ü.0123456789ab.txt": f"999999999999999999 {DIGEST} 1 0",
        "logo.0123456789ab": None,
    },
    codings=("br", "gzip"),
    release="0123456789ab",
    created=1_763_791_920,
    prefix="/static/",
    media_types={"é ü.0123456789ab.txt": 'text/plain; charset="utf-8"'},
    releases=(
        Release(
            id="ba9876543210",
            created=1_763_705_520,
            changed={"css/app.css": "css/app.0a1b2c3d4e5f.css", "é ü.txt": None, "old.txt": "old.txt"},
        ),
        Release(id="", created=0, changed={}),
    ),
    queries={"robots.txt": "id=0123456789ab"},
    unhashed="original",
    skipped=("jpg", "zip"),
    unhashed_files={"css/app.css": f"1230 {DIGEST} 300 401"},
    leave_references=("vendor/*",),
    deltas={"css/app.55e7cbb9ba48.css": ["225 0a1b2c3d4e5f css/app.0a1b2c3d4e5f.css"]},
)
TEXT = FULL.dumps()


def document(**changes: Any) -> dict[str, Any]:
    """Return `FULL` as parsed JSON, with changes to the key ``hashserve``; the value ... removes a key."""
    written: dict[str, Any] = json.loads(TEXT)
    extra = written["hashserve"] | changes
    written["hashserve"] = {key: value for key, value in extra.items() if value is not ...}
    return written


def node_id(value: object) -> str:
    """Return the id of a test with this parameter, without backslashes: pytest finds no id that has one."""
    return ascii(value)[-60:].replace("\\", "/")


def error_of(text: bytes | str) -> ManifestError:
    """Return the error for a manifest with this text. It names the file, and is not long."""
    with pytest.raises(ManifestError) as caught:
        Manifest.loads(text, source="build/staticfiles.json")
    assert str(caught.value).startswith("build/staticfiles.json: ")
    assert len(str(caught.value)) < 1000
    return caught.value


def assert_usable(manifest: Manifest) -> None:
    """Check that a manifest that loaded answers every question about it."""
    assert Manifest.loads(manifest.dumps().encode()) == manifest
    for path in manifest.files:
        assert manifest.record(path) is not None
        for delta in manifest.deltas_of(path):
            assert delta.of == path != delta.dictionary
            assert os.path.dirname(delta.path) == os.path.dirname(path)
            assert manifest.files[delta.dictionary] is not None
    for release in manifest.releases:
        manifest.paths_of(release)
    for logical, path in manifest.paths.items():
        assert path == logical or path in manifest.files
