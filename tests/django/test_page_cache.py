"""The key prefix of the page cache."""

from __future__ import annotations

from django.test import override_settings

from hashserve.django.page_cache import ByRelease
from tests.support.building import manifest_of
from tests.support.collected_site import OURS, CollectedSite


def test_a_key_prefix_ends_with_the_release_in_force(site: CollectedSite) -> None:
    prefix = ByRelease("shop")
    site.collect()
    with override_settings(STATIC_ROOT=str(site.root), STORAGES={"staticfiles": {"BACKEND": OURS}}):
        assert str(prefix) == f"shop.{manifest_of(site.root).release}"


def test_a_key_prefix_has_no_release_with_another_storage() -> None:
    backend = "django.contrib.staticfiles.storage.StaticFilesStorage"
    with override_settings(STORAGES={"staticfiles": {"BACKEND": backend}}):
        assert str(ByRelease("shop")) == "shop."
