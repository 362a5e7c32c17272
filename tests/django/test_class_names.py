"""Classes that settings name."""

from __future__ import annotations

import pytest
from django.test import override_settings

from hashserve.django.class_names import CACHED_STORAGE, STORAGE, class_named, is_a, static_storage
from hashserve.django.storage import ManifestStaticFilesStorage
from tests.support.django_settings import configure

configure()


def test_a_class_is_found_by_its_dotted_path() -> None:
    assert class_named(STORAGE) is ManifestStaticFilesStorage


@pytest.mark.parametrize("name", ["", "nowhere", "nowhere.Storage", "hashserve.Nothing", "hashserve.build"])
def test_a_path_that_leads_to_no_class_finds_none(name: str) -> None:
    assert class_named(name) is None


@pytest.mark.parametrize(
    ("name", "parent", "expected"),
    [
        (STORAGE, STORAGE, True),
        ("nowhere.Storage", "nowhere.Storage", True),
        (CACHED_STORAGE, STORAGE, True),
        (STORAGE, CACHED_STORAGE, False),
        ("nowhere.Storage", STORAGE, False),
        (STORAGE, "nowhere.Storage", False),
    ],
)
def test_a_class_is_itself_or_one_of_its_parents(name: str, parent: str, expected: bool) -> None:
    assert is_a(name, parent) is expected


def test_a_project_may_name_no_storage() -> None:
    with override_settings(STORAGES={}):
        assert static_storage() == ""
