"""The cache of variants."""

from __future__ import annotations

import os
from pathlib import Path

import brotli
import pytest

from hashserve import BuildError
from hashserve.builder.compression.cache import VariantCache
from hashserve.digests import digest_of
from tests.support.files import put

TEXT = b"a text that is long enough to be worth compressing\n" * 20
SHA256 = digest_of([TEXT])


@pytest.fixture
def cache(tmp_path: Path) -> VariantCache:
    return VariantCache(str(tmp_path / "cache"))


def test_a_variant_is_found_by_its_content_and_coding(cache: VariantCache) -> None:
    cache.keep(SHA256, "br", [brotli.compress(TEXT)])
    location = cache.find(SHA256, "br")
    assert location is not None
    assert brotli.decompress(Path(location).read_bytes()) == TEXT
    assert cache.find(SHA256, "gzip") is None


def test_a_variant_that_saved_too_little_is_remembered_in_its_coding(cache: VariantCache) -> None:
    cache.keep_not_worth_it(SHA256, "br")
    assert [cache.was_not_worth_it(SHA256, coding) for coding in ("br", "gzip")] == [True, False]


def test_a_delta_is_found_by_its_content_and_its_dictionary(cache: VariantCache) -> None:
    other = digest_of([b"other"])
    cache.keep_delta(SHA256, other, b"delta")
    assert Path(cache.delta(SHA256, other)).read_bytes() == b"delta"
    assert not Path(cache.delta(other, SHA256)).exists()


@pytest.mark.parametrize("damage", [b"", b"damaged", b"9" * 5000])
def test_the_size_of_a_delta_that_saved_too_little_is_remembered(cache: VariantCache, damage: bytes) -> None:
    other = digest_of([b"other"])
    cache.keep_size_of_rejected_delta(SHA256, other, 300)
    assert cache.size_of_rejected_delta(SHA256, other) == 300
    assert cache.size_of_rejected_delta(other, SHA256) is None
    Path(cache.delta(SHA256, other) + ".none").write_bytes(damage)
    size = cache.size_of_rejected_delta(SHA256, other)
    assert size is None or size < 10**20


@pytest.mark.parametrize("content", [b"", b"damaged", brotli.compress(b"other content")])
def test_a_damaged_entry_counts_as_absent(cache: VariantCache, content: bytes) -> None:
    cache.keep(SHA256, "br", [content])
    assert cache.find(SHA256, "br") is None


def test_a_cache_without_room_changes_nothing_else(cache: VariantCache, tmp_path: Path) -> None:
    os.rmdir(tmp_path / "cache")
    put(tmp_path, "cache", b"a file in its place")
    cache.keep(SHA256, "br", [b""])
    assert cache.find(SHA256, "br") is None


def test_a_cache_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="cache: cannot be created: File exists; choose another cache"):
        VariantCache(str(put(tmp_path, "cache", b"a file")))
