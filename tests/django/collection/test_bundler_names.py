"""Files that a bundler fingerprinted keep their names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import override_settings

from tests.support.building import manifest_of
from tests.support.collected_site import OURS, CollectedSite, paths_of
from tests.support.files import put


def test_a_bundlers_names_are_kept_under_a_prefix(site: CollectedSite, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    put(bundle, "assets/main-BRBmoGS9.js", b"console.log(2)")
    manifest = {"src/main.js": {"file": "assets/main-BRBmoGS9.js", "src": "src/main.js", "isEntry": True}}
    put(bundle, ".vite/manifest.json", json.dumps(manifest).encode())
    with override_settings(STATIC_ROOT=str(site.root), STATICFILES_DIRS=[("vue", bundle)]):
        storages = {"staticfiles": {"BACKEND": OURS}}
        with override_settings(STORAGES=storages):
            call_command("collectstatic", interactive=False, verbosity=0)
    storage = site.open_storage()
    assert storage.url("vue/src/main.js") == "/static/vue/assets/main-BRBmoGS9.js"
    assert storage.url("vue/assets/main-BRBmoGS9.js") == "/static/vue/assets/main-BRBmoGS9.js"
    assert set(manifest_of(site.root).files) == {"vue/assets/main-BRBmoGS9.js"}


def test_a_bundlers_names_are_kept_in_a_folder_of_an_app(site: CollectedSite) -> None:
    put(site.source, "shop/dist/assets/main-BRBmoGS9.js", b"console.log(2)")
    manifest = {"src/main.js": {"file": "assets/main-BRBmoGS9.js", "src": "src/main.js", "isEntry": True}}
    put(site.source, "shop/dist/.vite/manifest.json", json.dumps(manifest).encode())
    site.collect()
    url = "/static/shop/dist/assets/main-BRBmoGS9.js"
    assert site.open_storage().url("shop/dist/src/main.js") == url
    assert site.open_storage().url("shop/dist/assets/main-BRBmoGS9.js") == url
    assert manifest_of(site.root).record("shop/dist/assets/main-BRBmoGS9.js") is not None


def test_a_broken_bundlers_manifest_deep_in_a_package_is_logged_and_ignored(
    site: CollectedSite, caplog: pytest.LogCaptureFixture
) -> None:
    put(site.source, "shop/mix-manifest.json", b"{")
    put(site.source, "shop/app.js", b"console.log(3)")
    site.collect()
    assert "mix-manifest.json" in caplog.text
    assert paths_of(site.root)["shop/app.js"] != "shop/app.js"
