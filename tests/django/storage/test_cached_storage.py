"""The storage whose names are in a cache: what templates get from it, with and without files."""

from __future__ import annotations

import copy
import logging
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import caches
from django.core.management import CommandError, call_command
from django.test import override_settings

from hashserve.django.storage import CachedStaticFilesStorage
from tests.support.building import manifest_of, wrong_files
from tests.support.django_settings import configure
from tests.support.files import put

configure()

BACKEND = "hashserve.django.storage.CachedStaticFilesStorage"


class Site:
    """A project whose names are in a cache, and the processes that render it."""

    def __init__(self, folder: Path) -> None:
        self.source, self.root = folder / "source", folder / "root"
        put(self.source, "css/app.css", b'@import "base.css";')
        put(self.source, "css/base.css", b"body { margin: 0 }\n" * 20)

    def collect(self, **options: Any) -> None:
        storages = {"staticfiles": {"BACKEND": BACKEND}}
        with override_settings(STATICFILES_DIRS=[self.source], STATIC_ROOT=str(self.root), STORAGES=storages):
            call_command("collectstatic", interactive=False, verbosity=0, **options)

    def path(self, name: str) -> str:
        return manifest_of(self.root).paths[name]

    def web_process(self, *, has_files: bool = False, **settings: Any) -> CachedStaticFilesStorage:
        """Make the storage of a process that renders pages, with or without STATIC_ROOT."""
        with override_settings(STATIC_ROOT=str(self.root) if has_files else None, **settings):
            return CachedStaticFilesStorage()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    cache = {
        "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
        "LOCATION": str(tmp_path / "cache"),
    }
    with override_settings(CACHES={"default": cache}, HASHSERVE={"POINTER_INTERVAL": 0}):
        yield Site(tmp_path)


def test_a_process_without_files_has_the_names_of_the_release(site: Site) -> None:
    site.collect()
    storage = site.web_process()
    assert storage.url("css/app.css") == f"/static/{site.path('css/app.css')}"
    assert storage.release == manifest_of(site.root).release
    assert set(storage.logical_paths()) == {"css/app.css", "css/base.css"}
    record = manifest_of(site.root).record(site.path("css/app.css"))
    assert record is not None
    assert storage.integrity("css/app.css") == f"sha256-{record.sha256}"


def test_the_build_is_that_of_the_other_storage(site: Site) -> None:
    site.collect()
    assert not wrong_files(site.root)
    assert (
        site.path("css/base.css").encode().rpartition(b"/")[2]
        in (site.root / site.path("css/app.css")).read_bytes()
    )


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("css/app.css#x", "#x"), ("css/app.css?v=1", "?v=1"), ("css/app.css?#iefix", "?#iefix")],
)
def test_query_and_fragment_are_kept(site: Site, name: str, suffix: str) -> None:
    site.collect()
    assert site.web_process().url(name) == f"/static/{site.path('css/app.css')}{suffix}"


def test_a_running_process_follows_a_deploy(site: Site) -> None:
    site.collect()
    storage = site.web_process()
    old = storage.url("css/base.css")
    put(site.source, "css/base.css", b"body { margin: 1px }\n" * 20)
    site.collect()
    assert storage.url("css/base.css") == f"/static/{site.path('css/base.css')}" != old


def test_a_name_that_no_release_has_stays_unhashed_and_is_logged_once(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.collect()
    storage = site.web_process()
    with caplog.at_level(logging.WARNING, "hashserve"):
        assert [storage.url("css/gone.css") for _ in range(3)] == ["/static/css/gone.css"] * 3
    assert [record.getMessage() for record in caplog.records] == [
        "css/gone.css: no known release has this file; templates get its unhashed URL"
    ]
    assert storage.integrity("css/gone.css") == ""


@pytest.mark.parametrize("has_files", [True, False])
def test_an_empty_cache_means_names_of_the_local_manifest_or_unhashed_names(
    site: Site, has_files: bool
) -> None:
    site.collect()
    caches["default"].clear()
    expected = site.path("css/app.css") if has_files else "css/app.css"
    assert site.web_process(has_files=has_files).url("css/app.css") == f"/static/{expected}"


def test_names_are_unhashed_with_debug(site: Site) -> None:
    site.collect()
    storage = site.web_process()
    with override_settings(DEBUG=True):
        assert storage.url("css/app.css") == "/static/css/app.css"
        assert storage.integrity("css/app.css") == ""


def test_the_error_about_a_cache_that_keeps_nothing_names_it(site: Site) -> None:
    dummy = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    with override_settings(CACHES=dummy), pytest.raises(CommandError, match=r"CACHES\['default'\]"):
        site.collect()


def test_a_dry_run_publishes_nothing(site: Site) -> None:
    site.collect(dry_run=True)
    assert site.web_process().release == ""


def test_names_stay_when_the_root_is_removed(site: Site) -> None:
    site.collect()
    storage = site.web_process(has_files=True)
    expected = f"/static/{site.path('css/app.css')}"
    shutil.rmtree(site.root)
    assert storage.url("css/app.css") == expected


def test_a_build_without_a_cache_is_published_where_it_is_deployed(site: Site, capsys: Any) -> None:
    dummy = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    with override_settings(CACHES=dummy):
        with pytest.raises(CommandError, match=r"PUBLISH_NAMES.*hashserve publish"):
            site.collect()
        with override_settings(HASHSERVE={"PUBLISH_NAMES": False}):
            site.collect()
    assert not site.web_process().release
    with override_settings(STATIC_ROOT=str(site.root), STORAGES={"staticfiles": {"BACKEND": BACKEND}}):
        call_command("hashserve", "publish")
    assert capsys.readouterr().out == f"release {manifest_of(site.root).release} is in force\n"
    assert site.web_process().url("css/app.css") == f"/static/{site.path('css/app.css')}"


def test_publishing_without_a_release_or_without_a_cache_is_an_error(site: Site) -> None:
    plain = BACKEND.replace("Cached", "Manifest")
    for backend, problem in ((BACKEND, "there is no release"), (plain, "keeps no names in a cache")):
        stored = override_settings(STATIC_ROOT=str(site.root), STORAGES={"staticfiles": {"BACKEND": backend}})
        with stored, pytest.raises(CommandError, match=problem):
            call_command("hashserve", "publish")


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))])
def test_a_copy_has_the_same_names(site: Site, copied: Callable[[Any], Any]) -> None:
    site.collect()
    storage = site.web_process(has_files=True)
    with override_settings(STATIC_ROOT=str(site.root)):
        assert copied(storage).url("css/app.css") == storage.url("css/app.css")


def test_a_process_with_an_empty_root_has_no_local_names(site: Site) -> None:
    assert site.web_process(has_files=True).url("css/app.css") == "/static/css/app.css"
