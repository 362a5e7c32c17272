"""A project for tests that collect its files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings

from tests.support.collected_site import CollectedSite


@pytest.fixture
def site(tmp_path: Path) -> Iterator[CollectedSite]:
    with override_settings(INSTALLED_APPS=["hashserve.django", "django.contrib.staticfiles"]):
        yield CollectedSite(tmp_path)
