from __future__ import annotations

import sys
from base64 import b64encode
from hashlib import sha256

import pytest

from hashserve.builder.compression.compressors import compress_delta
from hashserve.http.codings import DecodeError
from hashserve.http.dictionaries import (
    HEADER_BYTES,
    LARGEST_WINDOW_BYTES,
    decode_delta,
    delta_header,
    largest_window,
    may_use_dictionary,
    parse_available_dictionary,
    window_log,
)
from tests.support.deltas import malformed_fields

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DIGEST = b64encode(sha256(b"a dictionary 3").digest()).decode()
assert {"+", "/"} <= {*DIGEST}

# Available-Dictionary


@pytest.mark.parametrize(
    "value",
    [
        f":{DIGEST}:",
        f"  :{DIGEST}:  ",
        f":{DIGEST[:-1]}:",  # padding may be left out (RFC 9651 section 4.2.7)
        f":{DIGEST}:;a",
        f":{DIGEST}:; a=1;b=-1.5;  c=?0;*d=tok/en:*",
        f':{DIGEST}:;a="q\\"\\\\";b=:AAAA:;c=:AA:;d=::;e=@-1;f=%"%c3%a9"',
        f":{DIGEST}:;a=:AAA=:",
    ],
)
def test_a_digest_is_read_with_spaces_around_it_and_parameters_after_it(value: str) -> None:
    assert parse_available_dictionary(value) == DIGEST


@pytest.mark.parametrize(
    "value", malformed_fields(DIGEST), ids=lambda value: ascii(value)[:60].replace("\\", "/")
)
def test_any_other_field_names_no_dictionary(value: str) -> None:
    assert parse_available_dictionary(value) is None


def test_a_digest_is_written_as_the_manifest_writes_it_whatever_its_padding_hides() -> None:
    last = DIGEST[-2]
    spelt = f":{DIGEST[:-2]}{chr(ord(last) + 1)}=:"  # two of its six bits are no part of the digest
    assert parse_available_dictionary(spelt) == DIGEST


# Fetch metadata


@pytest.mark.parametrize(
    ("site", "mode", "origin", "allowed", "may"),
    [
        (None, None, None, None, True),
        (None, "no-cors", "https://evil.example", None, True),
        ("same-origin", "no-cors", None, None, True),
        ("same-origin", "cors", "https://a.example", None, True),
        ("cross-site", None, None, None, True),
        ("none", "navigate", None, None, True),
        ("cross-site", "navigate", None, None, True),
        ("cross-site", "same-origin", None, None, True),
        ("cross-site", "no-cors", None, "*", False),
        ("same-site", "no-cors", None, "*", False),
        ("none", "no-cors", None, "*", False),
        ("cross-site", "no-cors", "https://a.example", "https://a.example", False),
        ("cross-site", "cors", None, "*", False),
        ("cross-site", "cors", "https://a.example", None, False),
        ("cross-site", "cors", "https://a.example", "*", True),
        ("cross-site", "cors", "https://a.example", "https://a.example", True),
        ("cross-site", "cors", "https://a.example", "https://b.example", False),
        ("cross-site", "cors", "null", "null", True),
        ("cross-site", "websocket", "https://a.example", "*", False),
        ("SAME-ORIGIN", "no-cors", None, "*", False),
        ("same-origin, same-origin", "no-cors", None, "*", False),
        ("", "no-cors", None, "*", False),
        ("cross-site", "", "https://a.example", "*", False),
    ],
)
def test_a_page_that_cannot_read_the_response_gets_no_delta(
    site: str | None, mode: str | None, origin: str | None, allowed: str | None, may: bool
) -> None:
    assert may_use_dictionary(site, mode, origin, allowed) is may


# Deltas

OLD = b"".join(b"rule-%d { color: #%06x }\n" % (number, number * 40503 % 0xFFFFFF) for number in range(400))
NEW = OLD.replace(b"rule-77 ", b"rule-78 ")
DELTA = compress_delta(NEW, OLD)


def decoded(delta: bytes, dictionary: bytes = OLD, size: int = len(NEW), step: int = 1 << 16) -> bytes:
    chunks = [delta[start : start + step] for start in range(0, len(delta), step)]
    return b"".join(decode_delta(chunks, dictionary, size))


@pytest.mark.parametrize("step", [1, 7, 39, 40, 41, 1 << 16])
def test_a_delta_decodes_with_its_dictionary_whatever_chunks_it_comes_in(step: int) -> None:
    assert decoded(DELTA, step=step) == NEW
    assert len(DELTA) < len(NEW) / 50


def test_a_delta_starts_with_the_digest_of_its_dictionary() -> None:
    assert DELTA[:8] == b"\x5e\x2a\x4d\x18\x20\x00\x00\x00"
    assert DELTA[8:HEADER_BYTES] == sha256(OLD).digest()
    assert delta_header(OLD) == DELTA[:HEADER_BYTES]


BOMB = delta_header(OLD) + zstd.compress(bytes(100_000_000))
WIDE = delta_header(OLD) + zstd.compress(
    bytes(30_000_000), options={zstd.CompressionParameter.window_log: 24}
)


@pytest.mark.parametrize(
    ("delta", "problem"),
    [
        (b"", "cut short"),
        (DELTA[:7], "cut short"),
        (DELTA[:HEADER_BYTES], "cut short"),
        (DELTA[:-1], "cut short"),
        (DELTA[HEADER_BYTES:], "not a delta against this dictionary"),
        (b"\x5f" + DELTA[1:], "not a delta against this dictionary"),
        (compress_delta(NEW, NEW), "not a delta against this dictionary"),
        (DELTA[:8] + bytes(32) + DELTA[HEADER_BYTES:], "not a delta against this dictionary"),
        (DELTA + b"\0", "bytes follow"),
        (DELTA + DELTA[HEADER_BYTES:], "bytes follow"),
        (DELTA + DELTA, "bytes follow"),
        (DELTA[:HEADER_BYTES] + b"not a zstd frame", "Unknown frame descriptor"),
        (DELTA[:HEADER_BYTES] + DELTA, "bytes follow"),  # another skippable frame
        (compress_delta(NEW + b"\n", OLD), "more bytes than its file"),
        (BOMB, "more bytes than its file"),
        (WIDE, "too much memory"),  # a window of 16 MiB
    ],
    ids=lambda value: ascii(value)[:40].replace("\\", "/"),
)
def test_anything_else_is_an_error_before_more_bytes_than_the_file_has(delta: bytes, problem: str) -> None:
    written: list[int] = []
    with pytest.raises(DecodeError, match=problem):
        written.extend(map(len, decode_delta([delta], OLD, len(NEW))))
    assert sum(written) <= len(NEW)


@pytest.mark.parametrize(
    ("dictionary", "window"),
    [
        (0, 8 << 20),
        (6 << 20, 8 << 20),
        (8 << 20, 10 << 20),
        (13 << 20, 65 << 18),
        (103 << 20, LARGEST_WINDOW_BYTES),
        (10**12, LARGEST_WINDOW_BYTES),
    ],
)
def test_the_window_is_the_largest_that_every_client_accepts(dictionary: int, window: int) -> None:
    assert largest_window(dictionary) == window


@pytest.mark.parametrize(
    ("size", "dictionary", "log"),
    [
        (0, 8, 23),
        (8 << 20, 8, 23),
        (9 << 20, 8, 23),
        (10 << 20, 8 << 20, 24),  # one segment, of 10 MiB
        (11 << 20, 8 << 20, 23),
        (16 << 20, 13 << 20, 24),
        (17 << 20, 13 << 20, 24),
    ],
)
def test_a_content_that_fits_the_window_has_all_of_it(size: int, dictionary: int, log: int) -> None:
    assert window_log(size, dictionary) == log


@pytest.mark.parametrize(("size", "is_accepted"), [(10 << 20, True), ((10 << 20) + 1, False)])
@pytest.mark.parametrize("step", [1, 7, 100_000])
def test_the_window_of_one_segment_is_known_to_the_byte(size: int, step: int, is_accepted: bool) -> None:
    dictionary, content = bytes(8 << 20), bytes(size)
    compressor = zstd.ZstdCompressor(
        options={zstd.CompressionParameter.window_log: 24},
        zstd_dict=zstd.ZstdDict(dictionary, is_raw=True).as_prefix,
    )
    compressor.set_pledged_input_size(size)
    delta = delta_header(dictionary) + compressor.compress(content) + compressor.flush()
    chunks = [delta[start : start + step] for start in range(0, len(delta), step)]
    if is_accepted:
        assert sum(map(len, decode_delta(chunks, dictionary, size))) == size
    else:
        with pytest.raises(DecodeError, match="too much memory"):
            list(decode_delta(chunks, dictionary, size))


@pytest.mark.parametrize("dictionary", [b"", b"1234567"])
def test_a_dictionary_that_is_too_short_decodes_nothing(dictionary: bytes) -> None:
    with pytest.raises(DecodeError, match="fewer than 8 bytes"):
        list(decode_delta([delta_header(dictionary)], dictionary, 100))
