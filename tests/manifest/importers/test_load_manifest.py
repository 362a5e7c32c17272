from __future__ import annotations

from pathlib import Path

import pytest

from hashserve.errors import ManifestError
from hashserve.manifest.importers import load_manifest
from hashserve.manifest.importers.vite import from_vite
from hashserve.manifest.model import release_id
from tests.manifest.importers.examples import VITE, touch, write


def test_text_that_is_not_json_names_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    path.write_text('{"a":\n ]')
    with pytest.raises(ManifestError, match="line 2, column 2"):
        load_manifest(path)


@pytest.mark.parametrize("name", ["staticfiles.json", "manifest.json"])
def test_a_missing_manifest_is_an_os_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError):
        load_manifest(tmp_path / name)


# Roots


def test_paths_start_at_the_root_above_the_manifest(tmp_path: Path) -> None:
    path = write(tmp_path, "dist/app/.vite/manifest.json", {"a.js": {"file": "assets/a-DiwrgTda.js"}})
    manifest = load_manifest(path, root=tmp_path)
    assert manifest.paths == {"dist/app/a.js": "dist/app/assets/a-DiwrgTda.js"}
    assert manifest.files == {"dist/app/assets/a-DiwrgTda.js": None}
    assert manifest.release == release_id(manifest.paths)


def test_queries_start_at_the_root_too(tmp_path: Path) -> None:
    path = write(tmp_path, "build/mix-manifest.json", {"/a.js": "/a.js?id=1"})
    assert load_manifest(path, root=tmp_path).queries == {"build/a.js": "id=1"}


def test_paths_of_a_manifest_in_the_root_stay_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path, ".vite/manifest.json", VITE)
    assert load_manifest(path, root=tmp_path) == from_vite(VITE, "m")


def test_the_paths_of_a_manifest_outside_the_root_are_relative_to_the_root(tmp_path: Path) -> None:
    path = write(tmp_path, "meta/manifest.json", {"a.js": "/x/js/a.0123456789ab.js"})
    touch(tmp_path, "static/js/a.0123456789ab.js")
    manifest = load_manifest(path, root=tmp_path / "static")
    assert manifest.paths == {"a.js": "js/a.0123456789ab.js"}


def test_webpacks_public_path_may_name_the_folder_below_the_root(tmp_path: Path) -> None:
    path = write(tmp_path, "dist/manifest.json", {"a.js": "/static/dist/js/a.0123456789ab.js"})
    touch(tmp_path, "dist/js/a.0123456789ab.js")
    assert load_manifest(path, root=tmp_path).paths == {"dist/a.js": "dist/js/a.0123456789ab.js"}


def test_relative_paths_are_relative_to_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "static/dist/.vite/manifest.json", {"a.js": {"file": "a-DiwrgTda.js"}})
    monkeypatch.chdir(tmp_path)
    manifest = load_manifest("static/dist/.vite/manifest.json", root="static")
    assert manifest.paths == {"dist/a.js": "dist/a-DiwrgTda.js"}
