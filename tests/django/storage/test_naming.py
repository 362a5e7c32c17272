"""Names that a project's own storage makes."""

from __future__ import annotations

from typing import Any

from hashserve.django.storage import ManifestStaticFilesStorage
from tests.support.building import manifest_of
from tests.support.collected_site import SOURCE, CollectedSite


class ConstantHash(ManifestStaticFilesStorage):
    def file_hash(self, name: str | None, content: Any = None) -> str | None:
        return "deploy12345"


class NoHash(ManifestStaticFilesStorage):
    def file_hash(self, name: str | None, content: Any = None) -> str | None:
        return None


class OwnNames(ManifestStaticFilesStorage):
    def hashed_name(self, name: str, content: Any = None, filename: str | None = None) -> str:
        hashed: str = super().hashed_name(name, content, filename)
        return f"v1/{hashed}"


def test_a_file_hash_of_the_project_names_the_files(site: CollectedSite) -> None:
    paths = site.collect_with(ConstantHash)
    assert paths["css/app.css"] == "css/app.deploy12345.css"
    assert b"base.deploy12345.css" in (site.root / paths["css/app.css"]).read_bytes()


def test_a_file_hash_of_none_leaves_names_unhashed_and_nothing_immutable(site: CollectedSite) -> None:
    paths = site.collect_with(NoHash)
    assert paths == {path: path for path in SOURCE}
    assert not manifest_of(site.root).files
    assert site.open_storage().url("css/app.css") == "/static/css/app.css"


def test_a_hashed_name_of_the_project_names_the_files(site: CollectedSite) -> None:
    paths = site.collect_with(OwnNames)
    assert paths["robots.txt"].startswith("v1/robots.")
    assert (site.root / paths["robots.txt"]).read_bytes() == SOURCE["robots.txt"]
