"""Compression: what is compressed decodes to what it was, and what is worth keeping."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from threading import Event

import brotli
import pytest

from hashserve import SettingError
from hashserve.builder.compression.compressors import (
    compress,
    compress_delta,
    is_compressible,
    is_delta_worth_keeping,
    is_worth_keeping,
)
from hashserve.http.codings import CODINGS
from hashserve.http.dictionaries import decode_delta

TEXT = b"a text that is long enough to be worth compressing\n" * 20


@pytest.mark.parametrize("coding", ["br", "gzip", "zstd"])
@pytest.mark.parametrize("content", [b"", b"x", TEXT, os.urandom(300_000)])
def test_a_variant_decodes_to_its_content_and_is_the_same_each_time(coding: str, content: bytes) -> None:
    streams = io.BytesIO(), io.BytesIO()
    sizes = [compress([content], len(content), coding, stream) for stream in streams]
    coded = streams[0].getvalue()
    assert coded == streams[1].getvalue()
    assert sizes == [len(coded)] * 2
    assert b"".join(CODINGS[coding].decode([coded])) == content


def test_a_huge_content_is_compressed_at_a_faster_quality(monkeypatch: pytest.MonkeyPatch) -> None:
    best, fast = io.BytesIO(), io.BytesIO()
    content = b"".join(b"%d %d\n" % (number, number * number) for number in range(5000))
    compress([content], len(content), "br", best)
    monkeypatch.setattr("hashserve.builder.compression.compressors.LARGEST_AT_BEST", 1000)
    compress([content], len(content), "br", fast)
    assert best.getvalue() != fast.getvalue()
    assert brotli.decompress(fast.getvalue()) == content


def test_a_coding_without_a_compressor_is_refused() -> None:
    with pytest.raises(SettingError, match="must be among br, gzip, zstd"):
        compress([], 0, "lzma", io.BytesIO())


@pytest.mark.parametrize(
    ("size", "coded", "worth"),
    [(1000, 936, True), (1000, 937, False), (10_000, 9500, True), (10_000, 9501, False), (64, 0, True)],
)
def test_a_variant_has_to_save_64_bytes_and_5_percent(size: int, coded: int, worth: bool) -> None:
    assert is_worth_keeping(size, coded) is worth


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a.css", True), ("a.PNG", False), ("a.woff2", False), ("a.svg", True), ("a", True), ("png", True)],
)
def test_formats_that_are_compressed_already_are_known_by_their_extension(path: str, expected: bool) -> None:
    assert is_compressible(path) is expected


@pytest.mark.parametrize("coding", ["br", "gzip", "zstd"])
def test_compression_ends_at_the_next_chunk_once_it_is_stopped(coding: str) -> None:
    stopped, read = Event(), list[int]()

    def chunks() -> Iterator[bytes]:
        for number in range(100):
            read.append(number)
            if number == 2:
                stopped.set()
            yield TEXT

    with pytest.raises(CancelledError):
        compress(chunks(), 100 * len(TEXT), coding, io.BytesIO(), stopped)
    assert read == [0, 1, 2]


@pytest.mark.parametrize("old", [b"12345678", TEXT, TEXT * 20_000], ids=len)
@pytest.mark.parametrize("new", [b"", b"y", TEXT + b"changed", TEXT * 20_000 + b"changed"], ids=len)
def test_a_delta_decodes_to_its_content_and_is_the_same_each_time(old: bytes, new: bytes) -> None:
    delta = compress_delta(new, old)
    assert delta == compress_delta(new, old)
    assert b"".join(decode_delta([delta], old, len(new))) == new


def test_a_large_content_is_found_in_all_of_its_dictionary() -> None:
    old = os.urandom(12 * 1024 * 1024)
    new = old[:5000] + b"changed" + old[5000:-7]
    assert len(compress_delta(new, old)) < 4000


def test_a_small_content_costs_no_more_than_its_large_dictionary() -> None:
    old = os.urandom(12 * 1024 * 1024)

    def seconds(new: bytes) -> float:
        started = time.thread_time()
        assert len(compress_delta(new, old)) < 4000
        return time.thread_time() - started

    # Level 19 would sort the whole dictionary, in seven times the time.
    assert seconds(old[-5000:]) < 3 * seconds(old[:5000] + b"changed" + old[5000:])


def test_the_start_of_a_large_dictionary_is_found_in_a_small_content() -> None:
    old = os.urandom(24 * 1024 * 1024)
    new = old[:100_000] + b"changed" + old[-100_000:]
    delta = compress_delta(new, old)
    assert len(delta) < 1000
    assert b"".join(decode_delta([delta], old, len(new))) == new


def test_a_delta_stops_at_the_next_piece_of_its_content() -> None:
    stopped = Event()
    stopped.set()
    with pytest.raises(CancelledError):
        compress_delta(TEXT, TEXT, stopped)


@pytest.mark.parametrize(
    ("best", "delta", "worth"),
    [
        (10_000, 7999, True),
        (10_000, 8000, False),
        (500, 244, True),
        (500, 245, False),
        (100, 40, False),
    ],
)
def test_a_delta_has_to_save_256_bytes_and_over_a_fifth(best: int, delta: int, worth: bool) -> None:
    assert is_delta_worth_keeping(best, delta) is worth
