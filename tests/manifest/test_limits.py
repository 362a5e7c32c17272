"""The limits of a manifest, and the memory that loading one takes."""

from __future__ import annotations

import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from hashserve.errors import ManifestError
from hashserve.manifest import limits
from hashserve.manifest.importers import load_manifest
from hashserve.manifest.json_text import parse_json
from hashserve.manifest.limits import LONGEST_PATH, MOST_CONTAINERS, MOST_ENTRIES, MOST_RELEASES
from hashserve.manifest.model import Manifest, Release
from tests.manifest.examples import FULL, document, error_of

MOST_BYTES_PER_BYTE = 15
"""The most memory for each byte of a manifest; 5 for one that a build writes."""

START = '{"paths": {}, "version": "1.1", "hashserve": {"format": 1, "releases": ['


@pytest.mark.parametrize(
    ("item", "amount"),
    [
        ("{},", "5,000 objects and lists"),
        ("[],", "5,000 objects and lists"),
        ('{"":0},', "5,000 objects and lists"),
        ("[0],", "5,000 objects and lists"),
        ("1,", "30,000 entries"),
        ('"",', "30,000 entries"),
    ],
)
def test_a_manifest_with_too_many_values_is_refused_before_it_takes_memory(
    tmp_path: Path, item: str, amount: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_CONTAINERS", MOST_CONTAINERS // 100)
    monkeypatch.setattr(limits, "MOST_ENTRIES", MOST_ENTRIES // 100)
    path = tmp_path / "staticfiles.json"
    path.write_text(START + item * (MOST_ENTRIES // 100 + 1) + "0]}}")
    size = path.stat().st_size
    tracemalloc.start()
    try:
        with pytest.raises(ManifestError, match=rf"staticfiles.json: has over {amount}; check that a build"):
            load_manifest(path)
        assert tracemalloc.get_traced_memory()[1] < 100_000 + 3 * size
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("item", ["{},", '{"":0},', "[0],", '"ab",', "1.5,"])
def test_values_within_the_limits_take_memory_in_proportion_to_their_bytes(item: str) -> None:
    # As dense as the limits allow: the rest of the text is what a manifest needs for as many values.
    count = MOST_CONTAINERS // 50
    text = START + item * count + '"' + "a" * (20 * count) + '"]}}'
    tracemalloc.start()
    try:
        parse_json(text.encode(), "staticfiles.json")
        assert tracemalloc.get_traced_memory()[1] < MOST_BYTES_PER_BYTE * len(text)
    finally:
        tracemalloc.stop()


def test_commas_and_braces_in_names_are_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_CONTAINERS", 20)
    monkeypatch.setattr(limits, "MOST_ENTRIES", 60)
    names = {f'{number}{{{{[[,,\\"{{': f"{number},,,{{" for number in range(20)}
    text = json.dumps({"paths": names, "version": "1.1"})
    assert text.count(",") > 60
    assert text.count("{") > 20
    assert parse_json(text, "staticfiles.json") == {"paths": names, "version": "1.1"}


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "staticfiles.json"
    path.touch()
    os.truncate(path, limits.MOST_BYTES + 1)
    tracemalloc.start()
    try:
        with pytest.raises(ManifestError, match="is longer than 268,435,456 bytes; check that a build"):
            Manifest.load(path)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_path_that_no_system_opens_is_an_error() -> None:
    path = "a/" * (LONGEST_PATH // 2)
    assert FULL._replace(paths={f"{path}a": "robots.txt"}).dumps()
    error = error_of(FULL._replace(paths={f"{path}a": "robots.txt"}).dumps())
    assert error.problem == "is longer than 4096 characters"
    Manifest.loads(FULL._replace(paths={path[:-1]: path[:-1]}, releases=()).dumps())


def test_too_many_releases_are_an_error_with_a_remedy() -> None:
    release = {"id": "a", "created": 1, "paths": {}}
    Manifest.of(document(releases=[release] * MOST_RELEASES))
    error = error_of(json.dumps(document(releases=[release] * (MOST_RELEASES + 1))))
    assert error.detail == (
        "hashserve.releases: expected at most 2,000, found 2,001; build with smaller values of keep and "
        "keep_days"
    )


def test_the_largest_manifest_of_a_legitimate_site_is_within_the_limits() -> None:
    # 100,000 files, of which one in ten changes in each of 30 releases; a hundredth of it is tried here.
    paths = {f"css/{number:06}.css": f"css/{number:06}.0123456789ab.css" for number in range(1_000)}
    old = {
        number: {
            f"css/{each:06}.css": f"css/{each:06}.{number:012x}.css" for each in range(number, 1_000, 10)
        }
        for number in range(30)
    }
    row = f"1234 {'A' * 43}= 301 402"
    manifest = Manifest(
        paths=paths,
        files=dict.fromkeys(
            [*paths.values(), *(path for each in old.values() for path in each.values())], row
        ),
        codings=("br", "gzip"),
        created=1,
        releases=[Release(id=str(each), created=1, changed=changed) for each, changed in old.items()],
    )
    text = manifest.dumps()
    assert 100 * text.count(",") < limits.MOST_ENTRIES
    assert 100 * len(text) < limits.MOST_BYTES
    assert 100 * sum(map(len, old.values())) < limits.MOST_OLD_PATHS
    assert Manifest.loads(text).files == manifest.files


@pytest.mark.parametrize(
    ("changes", "location"),
    [
        ({"media_types": {"a": "text/" + "x" * 1024}}, 'hashserve.media_types["a"]'),
        ({"queries": {"a": "x" * 1025}}, 'hashserve.queries["a"]'),
        ({"skipped": ["x" * 1025]}, "hashserve.skipped[0]"),
        ({"releases": [{"id": "x" * 1025, "created": 1, "paths": {}}]}, "hashserve.releases[0].id"),
    ],
)
def test_a_text_that_could_fill_a_field_is_an_error(changes: dict[str, Any], location: str) -> None:
    assert error_of(json.dumps(document(**changes))).location == location
