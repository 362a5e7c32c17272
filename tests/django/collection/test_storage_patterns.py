"""References that a storage's patterns find."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from hashserve.builder.references.finder import finder_of
from hashserve.django.collection.storage_patterns import _passages, patterns_of
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


class ModulePatterns(ManifestStaticFilesStorage):
    """Django's patterns of modules, which `support_js_module_import_aggregation` adds."""

    patterns = (
        *ManifestStaticFilesStorage.patterns,
        ManifestStaticFilesStorage._js_module_import_aggregation_patterns,
    )


@pytest.mark.parametrize(
    ("path", "first", "piece"),
    [
        ("a.css", b"url(a)", b"url("),
        ("a.css", b"url(a)", b"@import url( "),
        ("a.js", b"import './a.js';", b"import {"),
        ("a.js", b"import './a.js';", b"import('"),
    ],
)
def test_djangos_patterns_search_only_the_text_around_references(
    path: str, first: bytes, piece: bytes
) -> None:
    match, find = patterns_of(ModulePatterns.__new__(ModulePatterns))(path), finder_of(path, html=False)
    assert match is not None
    assert find is not None
    (reference,) = find(first)
    content = piece * 50_000 + first + piece * 50_000
    moved = replace(
        reference, start=reference.start + len(piece) * 50_000, end=reference.end + len(piece) * 50_000
    )
    ((_, start, end),) = _passages(content.decode(), content, [moved])
    assert end - start < 5000
    assert [found.reference.target for found in match(first, [reference])] == [reference.target]


def test_djangos_patterns_take_time_in_proportion_to_the_number_of_references() -> None:
    match, find = patterns_of(ModulePatterns.__new__(ModulePatterns))("a.css"), finder_of("a.css", html=False)
    assert match is not None
    assert find is not None

    def match_all(size: int) -> None:
        content = b"url(c)}url(" * size
        match(content, find(content))

    assert_linear(match_all, size=200)
