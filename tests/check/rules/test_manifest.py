"""Rules about the manifest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hashserve import Manifest
from hashserve.check import check, checked_folder
from tests.support.files import put
from tests.support.published_folder import checked


def test_a_folder_without_a_manifest_is_an_error(out: Path) -> None:
    (out / "staticfiles.json").unlink()
    assert checked(out) == [("manifest-missing", "staticfiles.json")]


def test_a_broken_manifest_is_an_error_that_names_the_place(out: Path) -> None:
    put(out, "staticfiles.json", b'{"paths": {},\n "version": }')
    (finding,) = check(out).findings
    assert (finding.rule, finding.path) == ("manifest-broken", "staticfiles.json")
    assert "line 2" in finding.message


def test_a_manifest_that_is_wrong_as_a_whole_needs_no_location(out: Path) -> None:
    put(out, "staticfiles.json", b"[" * 100_000)
    assert checked(out) == [("manifest-broken", "staticfiles.json")]


def test_a_manifest_that_cannot_be_read_is_broken(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Manifest:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(checked_folder, "load_manifest", refuse)
    assert checked(out) == [("manifest-broken", "staticfiles.json")]


def test_a_folder_with_a_bundlers_manifest_is_checked_without_digests(tmp_path: Path) -> None:
    manifest = {
        "main.js": {"file": "assets/main-DiwrgTda.js", "css": ["assets/main-Bx0qk2Mm.css"], "isEntry": True}
    }
    put(tmp_path, ".vite/manifest.json", json.dumps(manifest).encode())
    put(tmp_path, "index.html", b"<p>")
    put(tmp_path, "assets/main-DiwrgTda.js", b"alert(1)")
    assert checked(tmp_path) == [
        ("manifest-without-digests", ".vite/manifest.json"),
        ("file-missing", "assets/main-Bx0qk2Mm.css"),
    ]
