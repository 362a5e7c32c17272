"""A cache for each test of the names in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.cache import caches
from django.test.utils import override_settings

from tests.support.django_settings import configure
from tests.support.hooked_cache import HOOKS, LOST, REFUSED, HookedCache

configure()


@pytest.fixture(autouse=True)
def cache() -> Iterator[None]:
    backend = f"{HookedCache.__module__}.{HookedCache.__name__}"
    with override_settings(CACHES={"default": {"BACKEND": backend, "LOCATION": "names"}}):
        caches["default"].clear()
        yield
        HOOKS.clear()
        REFUSED.clear()
        LOST.clear()
