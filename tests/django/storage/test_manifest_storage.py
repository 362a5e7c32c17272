"""The names that templates get from the manifest."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.staticfiles import storage as django_storage
from django.test import override_settings

from hashserve.django.page_release import one_release
from hashserve.django.storage import ManifestStaticFilesStorage
from tests.support.building import manifest_of
from tests.support.collected_site import OURS, SOURCE, THEIRS, CollectedSite, paths_of
from tests.support.files import put


def test_djangos_storage_reads_our_manifest_and_ours_reads_djangos(site: CollectedSite) -> None:
    site.collect(OURS)
    theirs = site.open_storage(django_storage.ManifestStaticFilesStorage)
    assert theirs.hashed_files == paths_of(site.root)
    site.collect(THEIRS)
    assert site.open_storage().hashed_files == paths_of(site.root)


def test_lookups_are_those_of_djangos_storage(site: CollectedSite) -> None:
    storage = site.collect()
    assert isinstance(storage, django_storage.ManifestStaticFilesStorage)
    assert storage.url("css/app.css") == f"/static/{paths_of(site.root)['css/app.css']}"
    assert storage.url("img/a.svg#x").endswith(".svg#x")
    with pytest.raises(ValueError, match=r"Missing .* entry for 'nothing\.css'"):
        storage.url("nothing.css")


def test_names_are_unhashed_with_debug(site: CollectedSite) -> None:
    storage = site.collect()
    with override_settings(DEBUG=True):
        assert storage.url("css/app.css") == "/static/css/app.css"
        assert storage.integrity("css/app.css") == ""
    assert storage.url("css/app.css") != "/static/css/app.css"


def test_integrity_is_that_of_the_file_at_the_url(site: CollectedSite) -> None:
    storage = site.collect()
    record = manifest_of(site.root).record(paths_of(site.root)["css/app.css"])
    assert record is not None
    assert storage.integrity("css/app.css") == f"sha256-{record.sha256}"
    assert set(storage.logical_paths()) == set(SOURCE)
    assert storage.release == manifest_of(site.root).release
    with pytest.raises(ValueError, match=r"nothing\.css"):
        storage.integrity("nothing.css")


@pytest.mark.parametrize("interval", [0, 3600.0])
def test_integrity_and_url_are_of_one_release_after_another_process_deployed_one(
    site: CollectedSite, interval: float
) -> None:
    with override_settings(HASHSERVE={"CHECK_INTERVAL": interval}):
        site.collect()
        storage = site.open_storage()
        before = storage.url("robots.txt"), storage.integrity("robots.txt")
        put(site.source, "robots.txt", b"new")
        site.collect()
        after = site.open_storage().url("robots.txt"), site.open_storage().integrity("robots.txt")
    assert before[0] != after[0]
    assert before[1] != after[1]
    expected = before if interval else after
    assert (storage.url("robots.txt"), storage.integrity("robots.txt")) == expected


def test_an_unhashed_file_of_a_lenient_storage_has_no_integrity(site: CollectedSite) -> None:
    site.collect()
    put(site.root, "later.css", b"a {}")
    assert site.open_storage(Lenient).integrity("later.css") == ""


class Lenient(ManifestStaticFilesStorage):
    manifest_strict = False


class LenientWithOwnNames(Lenient):
    def hashed_name(self, name: str, content: Any = None, filename: str | None = None) -> str:
        return f"made-up/{name}"


def test_a_lenient_storage_may_make_up_the_name_of_a_missing_file(site: CollectedSite) -> None:
    site.collect()
    assert site.open_storage(LenientWithOwnNames).url("gone.css") == "/static/made-up/gone.css"


def test_a_file_that_no_release_has_keeps_its_name_if_the_storage_is_lenient(site: CollectedSite) -> None:
    site.collect()
    put(site.root, "later.css", b"a {}")
    assert site.open_storage(Lenient).url("later.css?v=1#x") == "/static/later.css?v=1#x"
    with pytest.raises(ValueError, match=r"later\.css"):
        site.open_storage().url("later.css")
    with pytest.raises(ValueError, match=r"gone\.css"):
        site.open_storage(Lenient).url("gone.css")


@pytest.mark.parametrize("kind", [ManifestStaticFilesStorage, Lenient])
def test_without_a_release_the_error_says_what_to_do(site: CollectedSite, kind: type) -> None:
    with pytest.raises(ValueError, match=r"gone\.css.* Run manage\.py collectstatic\. In tests"):
        site.open_storage(kind).url("gone.css")


@pytest.fixture
def follows_at_once() -> Iterator[None]:
    with override_settings(HASHSERVE={"CHECK_INTERVAL": 0}):
        yield


@pytest.mark.usefixtures("follows_at_once")
def test_a_running_process_uses_the_names_of_a_new_release(site: CollectedSite) -> None:
    site.collect()
    storage = site.open_storage()
    old = storage.url("robots.txt")
    put(site.source, "robots.txt", b"new")
    site.collect()
    assert storage.url("robots.txt") == f"/static/{paths_of(site.root)['robots.txt']}" != old
    assert storage.release == manifest_of(site.root).release


@pytest.mark.usefixtures("follows_at_once")
def test_a_page_has_the_names_of_one_release_during_a_switch(site: CollectedSite) -> None:
    site.collect()
    storage = site.open_storage()
    put(site.source, "robots.txt", b"new")
    with one_release():
        url, digest = storage.url("robots.txt"), storage.integrity("robots.txt")
        site.collect()
        assert (storage.url("robots.txt"), storage.integrity("robots.txt")) == (url, digest)
    assert storage.url("robots.txt") != url


@pytest.mark.usefixtures("follows_at_once")
def test_a_file_that_a_new_release_lacks_is_found_in_that_of_the_process(site: CollectedSite) -> None:
    site.collect()
    storage = site.open_storage()
    old = storage.url("robots.txt")
    (site.source / "robots.txt").unlink()
    site.collect()
    assert storage.url("robots.txt") == old
    assert old.removeprefix("/static/") in manifest_of(site.root).files
    with pytest.raises(ValueError, match=r"robots\.txt"):
        site.open_storage().url("robots.txt")


@pytest.mark.usefixtures("follows_at_once")
def test_a_broken_or_missing_manifest_changes_no_name_of_a_running_process(
    site: CollectedSite, caplog: pytest.LogCaptureFixture
) -> None:
    site.collect()
    storage = site.open_storage()
    url = storage.url("robots.txt")
    put(site.root, "staticfiles.json", b"{")
    assert [storage.url("robots.txt") for _ in range(3)] == [url] * 3
    assert len([record for record in caplog.records if "keep the old names" in record.getMessage()]) == 1
    (site.root / "staticfiles.json").unlink()
    assert storage.url("robots.txt") == url


def test_the_manifest_is_checked_once_an_interval(site: CollectedSite) -> None:
    with override_settings(HASHSERVE={"CHECK_INTERVAL": 3600.0}):
        site.collect()
        storage = site.open_storage()
        url = storage.url("robots.txt")
        put(site.source, "robots.txt", b"new")
        site.collect()
        assert storage.url("robots.txt") == url


def test_a_process_that_only_renders_names_does_not_import_the_build(site: CollectedSite) -> None:
    site.collect()
    code = """
import sys, django.conf
django.conf.settings.configure(STATIC_URL="/static/", STATIC_ROOT=sys.argv[1])
from hashserve.django.storage import ManifestStaticFilesStorage
print(ManifestStaticFilesStorage().url("robots.txt"))
print([name for name in sys.modules if name.startswith(("hashserve.builder", "hashserve.django.collection"))])
"""
    command = [sys.executable, "-c", code, str(site.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines() == [f"/static/{paths_of(site.root)['robots.txt']}", "[]"]
