"""The compressors of the content codings, and which files and variants are worth them.

Invariant: the same content is compressed to the same bytes each time, with the same library.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from threading import Event
from typing import IO

import brotli
from whitenoise.compress import Compressor as WhiteNoiseCompressor

from hashserve.builder.chunks import BLOCK_SIZE
from hashserve.errors import SettingError
from hashserve.http.dictionaries import delta_header, window_log

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = [
    "COMPRESSED",
    "COMPRESSORS",
    "compress",
    "compress_delta",
    "fast_size",
    "is_compressible",
    "is_delta_worth_keeping",
    "is_worth_keeping",
]

LEAST_SAVED_BYTES = 64
LEAST_SAVED_SHARE = 0.05

LEAST_SAVED_BYTES_OF_DELTA = 256
LARGEST_SHARE_OF_DELTA = 0.8

_MORE_COMPRESSED = ("avif", "7z", "zst", "mp3", "m4a", "ogg", "oga", "ogv", "opus", "aac", "flac", "mkv")

COMPRESSED = frozenset((*WhiteNoiseCompressor.SKIP_COMPRESS_EXTENSIONS, *_MORE_COMPRESSED))
"""The extensions, without their dot, of formats that are compressed already."""

LARGEST_AT_BEST = 32 * 1024 * 1024
"""The largest content, in bytes, that brotli compresses with quality 11; larger ones get quality 9.

Measured on 8 MB of scripts, on one busy core: quality 11 takes 2.4 s a megabyte; quality 9 takes 0.2 s
(0.5 s at 30 MB) and makes 12 % more bytes. A minute is bearable once; four minutes for 100 MB are not.
"""


def _brotli(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    # The default window has 22 bits. For a small content, a window of its size saves a byte. For a larger
    # one, brotli chooses its blocks by the window, and a smaller window costs more than it saves.
    window = max(size.bit_length(), 16) if size < 65_536 else 22 if size <= 4_194_304 else 24
    quality = 11 if size <= LARGEST_AT_BEST else 9
    compressor = brotli.Compressor(quality=quality, lgwin=window)
    for chunk in chunks:
        yield compressor.process(chunk)
    yield compressor.finish()


def _gzip(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)  # 31: a gzip header, without name and time
    for chunk in chunks:
        yield compressor.compress(chunk)
    yield compressor.flush()


def _zstd(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    # RFC 9659: the content coding allows a window of 8 MiB at most.
    parameters = zstd.CompressionParameter
    options: dict[int, int] = {parameters.compression_level: 19, parameters.window_log: 23}
    compressor = zstd.ZstdCompressor(options=options)
    for chunk in chunks:
        yield compressor.compress(chunk)
    yield compressor.flush()


def compress_delta(content: bytes, dictionary: bytes, stopped: Event | None = None) -> bytes:
    """Return the delta (``dcz``) of a content against a dictionary (RFC 9842 section 5).

    Level 19 makes the fewest bytes. If the content or the dictionary has over 2 MiB, the level is 12, after a
    search for long matches: see `LARGEST_AT_LEVEL_19`. Raises `CancelledError` at the next piece of the
    content once ``stopped`` is set.
    """
    parameters = zstd.CompressionParameter
    options: dict[int, int] = {parameters.compression_level: 19}
    if max(len(content), len(dictionary)) > LARGEST_AT_LEVEL_19:
        options = {
            parameters.compression_level: 12,
            parameters.enable_long_distance_matching: 1,
            parameters.window_log: window_log(len(content), len(dictionary)),
        }
    prefix = zstd.ZstdDict(dictionary, is_raw=True).as_prefix
    compressor = zstd.ZstdCompressor(options=options, zstd_dict=prefix)
    compressor.set_pledged_input_size(len(content))  # else it would choose its tables for any size
    coded = [delta_header(dictionary)]
    for start in range(0, len(content), BLOCK_SIZE):
        if stopped is not None and stopped.is_set():
            raise CancelledError
        coded.append(compressor.compress(content[start : start + BLOCK_SIZE]))
    coded.append(compressor.flush())
    return b"".join(coded)


LARGEST_AT_LEVEL_19 = 2 * 1024 * 1024
"""The largest content and dictionary, in bytes, that level 19 compresses a delta of.

It sorts the whole dictionary first, in one step that nothing can stop. Measured on scripts: 0.4 s for 2 MiB,
1 s for 4 MiB, 2 s for 8 MiB; on lines of numbers, 2 s for 3 MiB, and 36 s for 24 MiB, also if the content is
small. Level 12 takes 0.6 s for 30 MiB, and makes an eighth more bytes for scripts of 2 MiB. Up to 1.3 MB,
level 19 makes a tenth fewer bytes than 12, in 0.4 s at most.
"""

COMPRESSORS: Mapping[str, Callable[[Iterable[bytes], int], Iterator[bytes]]] = {
    "br": _brotli,
    "gzip": _gzip,
    "zstd": _zstd,
}
"""By coding, the function that turns the chunks of a content of this size in bytes into coded chunks."""


def is_compressible(path: str, skipped: Container[str] = COMPRESSED) -> bool:
    """Whether a file has variants: its extension is not among the ``skipped`` ones."""
    return os.path.splitext(path)[1][1:].lower() not in skipped


def fast_size(chunks: Iterable[bytes]) -> int:
    """Return the size of a content after the fastest compression: 10 ms for a megabyte."""
    compressor = zlib.compressobj(1)
    return sum(len(compressor.compress(chunk)) for chunk in chunks) + len(compressor.flush())


def is_worth_keeping(size: int, coded_size: int) -> bool:
    """Whether a variant of ``coded_size`` bytes saves at least 64 bytes and 5 % of ``size``."""
    saved = size - coded_size
    return saved >= LEAST_SAVED_BYTES and saved >= size * LEAST_SAVED_SHARE


def is_delta_worth_keeping(best_size: int, delta_size: int) -> bool:
    """Whether a delta saves at least 256 bytes, and over a fifth, of the smallest other form of its file."""
    saved = best_size - delta_size
    return saved >= LEAST_SAVED_BYTES_OF_DELTA and delta_size < best_size * LARGEST_SHARE_OF_DELTA


def compress(
    chunks: Iterable[bytes], size: int, coding: str, into: IO[bytes], stopped: Event | None = None
) -> int:
    """Write the coded form of a content of ``size`` bytes to ``into``; returns how many bytes.

    Raises `CancelledError` at the next chunk once ``stopped`` is set.
    """
    if coding not in COMPRESSORS:
        raise SettingError("codings", coding, f"must be among {', '.join(COMPRESSORS)}")
    coded_size = 0
    for coded in COMPRESSORS[coding](chunks, size):
        if stopped is not None and stopped.is_set():
            raise CancelledError
        coded_size += into.write(coded)
    return coded_size
