"""Hidden paths: manifests, whatever they are called, and their variants."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashserve.hidden_paths import hidden_paths


@pytest.mark.parametrize("name", ["staticfiles.json", "cache_manifest.json", "mix-manifest.json"])
@pytest.mark.parametrize("suffix", ["", ".br", ".gz", ".zst"])
def test_manifests_of_build_tools_and_their_variants_are_hidden(
    tmp_path: Path, name: str, suffix: str
) -> None:
    assert name + suffix in hidden_paths(str(tmp_path))


def test_a_manifest_in_use_is_hidden_under_a_path_in_normal_form(tmp_path: Path) -> None:
    assert {"vite/manifest.json", "vite/manifest.json.gz"} <= hidden_paths(
        str(tmp_path), "vite/../vite/manifest.json"
    )


def test_the_target_of_a_linked_manifest_in_use_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("{}")
    (tmp_path / "link.json").symlink_to("real.json")
    assert {"link.json", "real.json"} <= hidden_paths(str(tmp_path), "link.json")


def test_nothing_else_is_hidden(tmp_path: Path) -> None:
    assert hidden_paths(str(tmp_path)).isdisjoint({"app.css", "sub/staticfiles.json", "manifest.json"})
