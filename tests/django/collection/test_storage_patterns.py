"""References that a storage's patterns find."""

from __future__ import annotations

import json
import re

from hashserve.django.collection.storage_patterns import patterns_of
from hashserve.django.storage import ManifestStaticFilesStorage
from tests.support.collected_site import CollectedSite
from tests.support.files import put
from tests.support.growth import assert_linear


class OwnPatterns(ManifestStaticFilesStorage):
    patterns = (
        *ManifestStaticFilesStorage.patterns,
        ("*.json", ((r'(?P<matched>"icon": "(?P<url>[^"]+)")', '"icon": "%(url)s"'),)),
    )


def test_patterns_of_the_project_find_more_references(site: CollectedSite) -> None:
    put(site.source, "app.json", '{"é": 1, "icon": "img/a.svg", "other": "img/a.svg"}'.encode())
    paths = site.collect_with(OwnPatterns)
    expected = {"é": 1, "icon": paths["img/a.svg"], "other": "img/a.svg"}
    assert json.loads((site.root / paths["app.json"]).read_bytes()) == expected


class PatternsWithSkippedText(ManifestStaticFilesStorage):
    """Django 6.1 has a third member: an expression for the text that is skipped."""

    patterns = (("*.txt", ((r"(?P<matched>see (?P<url>\S+))", "see %(url)s", re.compile(r"\[.*?\]")),)),)


def test_a_pattern_finds_nothing_in_the_text_that_it_skips() -> None:
    match = patterns_of(PatternsWithSkippedText.__new__(PatternsWithSkippedText))("note.txt")
    assert match is not None
    assert [found.reference.start for found in match(b"see robots.txt [see robots.txt]", [])] == [4]


def test_a_pattern_finds_nothing_in_a_file_that_is_not_utf_8() -> None:
    match = patterns_of(PatternsWithSkippedText.__new__(PatternsWithSkippedText))("note.txt")
    assert match is not None
    assert match(b"see robots.txt \xe9", []) == []


def test_many_matches_take_time_in_proportion_to_the_file() -> None:
    match = patterns_of(PatternsWithSkippedText.__new__(PatternsWithSkippedText))("note.txt")
    assert match is not None

    def find(size: int) -> None:
        content = "é see robots.txt [see robots.txt] ".encode() * size
        found = [item.reference for item in match(content, [])]
        assert [content[item.start : item.end] for item in found] == [b"robots.txt"] * size

    assert_linear(find, size=100)
