"""URLs and integrity values of logical paths."""

from __future__ import annotations

from typing import Any

import pytest

from hashserve.digests import digest_of, integrity_of
from hashserve.serve.asset_urls import AssetUrls, readings
from hashserve.serve.site import Site
from hashserve.settings.serve import ServeSettings
from tests.support.files import put
from tests.support.trees import TEN


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("a", ("a", "")),
        ("a?b", ("a", "?b")),
        ("a#b", ("a", "#b")),
        ("a?b#c", ("a", "?b#c")),
        ("a#b?c", ("a", "#b?c")),
        ("", ("", "")),
        ("?", ("", "?")),
    ],
)
def test_a_path_is_read_as_it_stands_then_without_what_is_behind(path: str, split: tuple[str, str]) -> None:
    *_, last = readings(path)
    assert last == split


def test_the_integrity_of_what_keeps_its_name_is_of_the_bytes_on_disk(tmp_path: Any) -> None:
    put(str(tmp_path), "robots.txt", TEN)
    put(str(tmp_path), "staticfiles.json", b'{"version": "1.1", "paths": {"robots.txt": "robots.txt"}}')
    site = Site(ServeSettings())
    site.add(str(tmp_path), "/static/")
    assert AssetUrls(site).url("robots.txt") == "/static/robots.txt"
    assert AssetUrls(site).integrity("robots.txt") == integrity_of(digest_of([TEN]))
