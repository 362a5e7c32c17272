"""The files and the manifest that a storage writes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from django.core.files.base import ContentFile

from hashserve import Manifest
from hashserve.django.storage import ManifestStaticFilesStorage
from tests.support.collected_site import CollectedSite
from tests.support.files import put


def test_a_manifest_of_another_name_is_written_too(site: CollectedSite) -> None:
    paths = site.collect_with(OtherManifest)
    document = json.loads((site.root / "names.json").read_bytes())
    assert document["paths"] == paths
    assert site.open_storage(OtherManifest).hashed_files == paths


class OtherManifest(ManifestStaticFilesStorage):
    manifest_name = "names.json"


def test_entries_that_a_project_adds_before_saving_are_saved(site: CollectedSite) -> None:
    site.collect_with(AddsNames)
    manifest = Manifest.load(site.root / "staticfiles.json")
    assert manifest.paths["added.css"] == "theirs/added.0123456789ab.css"
    assert manifest.record(manifest.paths["css/app.css"]) is not None


class AddsNames(ManifestStaticFilesStorage):
    def save_manifest(self) -> None:
        self.hashed_files["added.css"] = "theirs/added.0123456789ab.css"
        super().save_manifest()


def test_a_file_is_saved_completely_or_not_at_all(site: CollectedSite) -> None:
    storage = site.open_storage()
    storage.save("a/b.txt", ContentFile(b"whole"))
    with pytest.raises(RuntimeError):
        storage.save("a/c.txt", Breaking(b"half"))
    assert [path.name for path in (site.root / "a").iterdir() if not path.name.startswith(".")] == ["b.txt"]


def test_a_part_of_a_file_that_cannot_be_saved_is_removed(site: CollectedSite) -> None:
    with pytest.raises(RuntimeError):
        site.open_storage().save("a/c.txt", Breaking(b"half"))
    assert not list((site.root / "a").iterdir())


def test_a_name_as_long_as_the_file_system_allows_can_be_saved(site: CollectedSite) -> None:
    name = f"{'n' * 251}.txt"
    site.open_storage().save(name, ContentFile(b"whole"))
    assert (site.root / name).read_bytes() == b"whole"


class Breaking(ContentFile):
    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        yield b"ha"
        raise RuntimeError


def test_warnings_are_not_logged_while_an_observer_gets_the_report(
    site: CollectedSite, caplog: pytest.LogCaptureFixture
) -> None:
    put(site.source, "css/lost.css", b"a { background: url(gone.png) }")
    site.collect(verbosity=1)
    assert not caplog.records
    site.collect()
    assert "gone.png" in caplog.text


def test_no_content_has_no_fingerprint(site: CollectedSite) -> None:
    assert site.open_storage().file_hash("a.css") is None
