"""Files that a bundler fingerprinted keep their names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
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


def test_a_name_that_looks_fingerprinted_is_reported_with_the_key_that_accepts_it(
    site: CollectedSite, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path / "dist", "app-Ab12Cd34.js", b"console.log(4)")
    collect(site, ("dist", tmp_path / "dist"))
    assert '(HASHSERVE["ACCEPT"]: bundler-name)' in caplog.text
    collect(site, ("dist", tmp_path / "dist"), ACCEPT=["bundler-name"], STRICT=True)


def collect(site: CollectedSite, *folders: tuple[str, Path], **settings: object) -> None:
    with override_settings(
        STATIC_ROOT=str(site.root),
        STATICFILES_DIRS=list(folders),
        STORAGES={"staticfiles": {"BACKEND": OURS}},
        HASHSERVE=settings,
    ):
        call_command("collectstatic", interactive=False, verbosity=0)


def put_webpack(folder: Path) -> None:
    """Write what no proof covers: a manifest that also lists what is not there."""
    put(folder, "main.0123456789abcdef0123.js", b"console.log(2)")
    main, gone = "/static/vue/main.0123456789abcdef0123.js", "/static/vue/gone.0a1b2c3d.js"
    put(folder, "manifest.json", json.dumps({"main.js": main, "gone.js": gone}).encode())


@pytest.mark.parametrize("is_on_disk", [False, True])
def test_a_manifest_that_the_project_names_is_read_under_its_prefix(
    is_on_disk: bool, site: CollectedSite, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    put_webpack(bundle)
    name = bundle / "manifest.json" if is_on_disk else "vue/manifest.json"
    collect(site, ("vue", bundle), BUNDLER_MANIFESTS=[name])
    assert "vue/main.0123456789abcdef0123.js" in manifest_of(site.root).files
    assert site.open_storage().url("vue/main.js") == "/static/vue/main.0123456789abcdef0123.js"


def test_a_manifest_of_vite_under_any_name_is_found_under_its_prefix(
    site: CollectedSite, tmp_path: Path
) -> None:
    """The manifest of django-vite: at the top of the bundle, and not in ``.vite``."""
    bundle = tmp_path / "bundle"
    put(bundle, "index.html", b"<!doctype html>")
    put(bundle, "assets/main-BRBmoGS9.js", b"console.log(2)")
    entry = {"file": "assets/main-BRBmoGS9.js", "src": "index.html", "isEntry": True}
    put(bundle, "manifest.json", json.dumps({"index.html": entry}).encode())
    collect(site, ("vue", bundle))
    storage = site.open_storage()
    assert "vue/assets/main-BRBmoGS9.js" in manifest_of(site.root).files
    assert storage.url("vue/assets/main.js") == "/static/vue/assets/main-BRBmoGS9.js"
    assert storage.url("vue/index.html").endswith(".html"), "the page, and not Vite's key for its script"


def test_a_named_manifest_that_is_nowhere_stops_the_collection_with_the_setting(
    site: CollectedSite, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    put(bundle, "main.js", b"console.log(2)")
    with pytest.raises(CommandError, match=r'HASHSERVE\["BUNDLER_MANIFESTS"\].*cannot be read'):
        collect(site, ("vue", bundle), BUNDLER_MANIFESTS=["vue/manifest.json"])


def test_a_name_that_is_not_proven_is_reported_with_the_projects_settings(
    site: CollectedSite, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bundle = tmp_path / "bundle"
    put(bundle, "main-C_rL51Fj.js", b"console.log(2)")
    collect(site, ("vue", bundle))
    assert 'HASHSERVE["ALREADY_HASHED"]: "vue/*-????????.*"' in caplog.text
