"""Settings that cannot mean anything are refused before anything is read."""

from __future__ import annotations

from typing import Any

import pytest

from hashserve import SettingError
from hashserve.builder import BuildSettings


@pytest.mark.parametrize(
    "given",
    [
        {"prefix": "static/"},
        {"prefix": "/static"},
        {"prefix": ""},
        {"prefix": "/a//b/"},
        {"prefix": "/a/../b/"},
        {"prefix": "/a\\b/"},
        {"prefix": "/line\nbreak/"},
        {"prefix": "https://example.com/static/"},
        {"codings": ("br", "br")},
        {"codings": ("deflate",)},
        {"js_references": "none"},
        {"keep": 0},
        {"keep_days": -1},
        {"keep_days": float("nan")},
        {"wait": -1},
        {"wait": float("nan")},
        {"require_previous": True},
        {"import_map_bare": {"a": "a.js"}},
        {"import_map_bare": {"": "a.js"}, "import_map": "map.json"},
        {"import_map_bare": {"a/": "a.js"}, "import_map": "map.json"},
    ],
)
def test_a_setting_that_means_nothing_is_refused_by_its_name(given: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=next(iter(given))):
        BuildSettings(**given)


@pytest.mark.parametrize("prefix", ["/", "/static/", "/a/b/", "/schön/", "/.hidden/"])
def test_a_prefix_is_a_path(prefix: str) -> None:
    assert BuildSettings(prefix=prefix).prefix == prefix
