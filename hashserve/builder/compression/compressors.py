"""Variants: the coded forms of a content that are worth keeping.

Invariant: a variant is kept only if it saves its reader something, and decodes to its source; the same
bytes are compressed once, on every core.
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

from hashserve.errors import SettingError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["COMPRESSED", "COMPRESSORS", "compress", "is_compressible", "is_worth_keeping"]

LEAST_SAVED_BYTES = 64
LEAST_SAVED_SHARE = 0.05

_MORE_COMPRESSED = ("avif", "7z", "zst", "mp3", "m4a", "ogg", "oga", "ogv", "opus", "aac", "flac", "mkv")

COMPRESSED = frozenset((*WhiteNoiseCompressor.SKIP_COMPRESS_EXTENSIONS, *_MORE_COMPRESSED))
"""The extensions, without their dot, of files that are compressed already by what they are."""


LARGEST_AT_BEST = 32 * 1024 * 1024
"""Contents larger than this, in bytes, are compressed with brotli's quality 9.

Measured on 8 MB of scripts, on one busy core: quality 11 takes 2.4 s a megabyte, 9 takes 0.2 s (0.5 s
at 30 MB) for 12 % more bytes. A minute is bearable, once; four minutes for 100 MB are not.
"""


def _brotli(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    # 22 bits is brotli's own default. A window no larger than a small content saves it a byte; for
    # larger ones brotli chooses its blocks by the window, and a smaller one costs more than it saves.
    window = max(size.bit_length(), 16) if size < 65_536 else 22 if size <= 4_194_304 else 24
    quality = 11 if size <= LARGEST_AT_BEST else 9
    compressor = brotli.Compressor(quality=quality, lgwin=window)
    for chunk in chunks:
        yield compressor.process(chunk)
    yield compressor.finish()


def _gzip(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)  # no name and no time in the header
    for chunk in chunks:
        yield compressor.compress(chunk)
    yield compressor.flush()


def _zstd(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    # RFC 9659: a window of 8 MiB at most for the content coding.
    parameters = zstd.CompressionParameter
    options: dict[int, int] = {parameters.compression_level: 19, parameters.window_log: 23}
    compressor = zstd.ZstdCompressor(options=options)
    for chunk in chunks:
        yield compressor.compress(chunk)
    yield compressor.flush()


COMPRESSORS: Mapping[str, Callable[[Iterable[bytes], int], Iterator[bytes]]] = {
    "br": _brotli,
    "gzip": _gzip,
    "zstd": _zstd,
}
"""By coding: what turns the chunks of a content, and its size in bytes, into coded chunks."""


def is_compressible(path: str, skipped: Container[str] = COMPRESSED) -> bool:
    """Whether a file is to have variants: its extension is none of those that are ``skipped``."""
    return os.path.splitext(path)[1][1:].lower() not in skipped


def is_worth_keeping(size: int, coded_size: int) -> bool:
    """Whether a variant of ``coded_size`` bytes saves at least 64 bytes and 5 % of ``size``."""
    saved = size - coded_size
    return saved >= LEAST_SAVED_BYTES and saved >= size * LEAST_SAVED_SHARE


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
