"""Compression Dictionary Transport (RFC 9842): a response may be a delta against a file that the client has.

Invariant: a delta is decoded only with the dictionary whose digest it names, and to at most as many bytes as
its file has. The digest decides, never Dictionary-ID. Nothing here reads a file.

The client says which dictionary it has, and that it can decode with it::

    Available-Dictionary: :pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=:
    Accept-Encoding: gzip, br, zstd, dcb, dcz
"""

from __future__ import annotations

import re
import sys
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable, Iterator
from functools import lru_cache
from hashlib import sha256

from hashserve.http.codings import DecodeError, decode_zstd_frame

__all__ = [
    "DCZ",
    "HEADER_BYTES",
    "LARGEST_WINDOW_BYTES",
    "LONGEST_FIELD",
    "canonical_field",
    "decode_delta",
    "delta_header",
    "field_value",
    "largest_window",
    "may_use_dictionary",
    "parse_available_dictionary",
    "window_log",
]

DCZ = "dcz"
"""The content coding "Dictionary-Compressed Zstandard" (section 5)."""

_MAGIC = b"\x5e\x2a\x4d\x18\x20\x00\x00\x00"
"""The header of a skippable frame of 32 bytes, which hold the dictionary's SHA-256."""

HEADER_BYTES = len(_MAGIC) + 32
"""How many bytes come before the Zstandard frame."""

LARGEST_WINDOW_BYTES = 128 * 1024 * 1024
"""The largest window that a client must accept, if the dictionary is as large (section 5)."""

_LEAST_WINDOW_BYTES = 8 * 1024 * 1024

_LONGEST_FRAME_HEADER = 18
"""Bytes: magic number, descriptor, window, dictionary id and content size (RFC 8878 section 3.1.1)."""

SHORTEST_DICTIONARY_BYTES = 8
"""The shortest dictionary that the library takes."""

LONGEST_FIELD = 256
"""How many characters of Available-Dictionary are read. Real values have 46."""

# A byte sequence (RFC 9651 section 3.3.5), and parameters (3.1.2), which mean nothing here. The octets of a
# display string in them may be no UTF-8.
_KEY = r"[a-z*][a-z0-9_.*-]*"
_BARE_ITEM = (
    r"(?:-?[0-9]{1,12}\.[0-9]{1,3}|-?[0-9]{1,15}|\"(?:[ !#-\[\]-~]|\\[\"\\])*\""
    r"|[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*|\?[01]|@-?[0-9]{1,15}"
    r"|:(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==?)?|[A-Za-z0-9+/]{3}=?)?:"
    r"|%\"(?:[ !#$&-~]|%[0-9a-f]{2})*\")"
)
_ITEM = rf" *:([A-Za-z0-9+/]{{43}}=?):(?:; *{_KEY}(?:={_BARE_ITEM})?)* *"


def parse_available_dictionary(value: str) -> str | None:
    """Return the SHA-256 that an Available-Dictionary field names, in base64; None if it is malformed.

    Source: RFC 9842 section 2.2, RFC 9651 section 3.3.5.
    """
    if len(value) > LONGEST_FIELD:
        return None
    match = re.fullmatch(_ITEM, value)  # compiled at the first use, which takes 1 ms
    if match is None:
        return None
    try:
        digest = a2b_base64(match[1].rstrip("=") + "=")
    except Base64Error:  # pragma: no cover  # the grammar leaves no other error
        return None
    return b2a_base64(digest, newline=False).decode("ascii")  # without the bits that padding hides


@lru_cache(maxsize=1024)  # clients that have one release send the same few values
def canonical_field(value: str) -> str | None:
    """Return an Available-Dictionary field in the form that browsers send; None if it is malformed.

    ``value`` has at most `LONGEST_FIELD` characters, because it is remembered.
    """
    digest = parse_available_dictionary(value)
    return None if digest is None else field_value(digest)


def field_value(digest: str) -> str:
    """Return the Available-Dictionary field for a SHA-256 in base64."""
    return f":{digest}:"


def may_use_dictionary(
    site: str | None, mode: str | None, origin: str | None, allowed_origin: str | None
) -> bool:
    """Whether the page that makes a request can read the response, so that a delta tells it nothing new.

    ``site`` and ``mode`` are the fields Sec-Fetch-Site and Sec-Fetch-Mode, ``origin`` is Origin;
    ``allowed_origin`` is the response's Access-Control-Allow-Origin. None stands for no field.
    Source: RFC 9842 section 9.3.
    """
    if site is None or site == "same-origin" or mode is None:
        return True
    if mode in ("navigate", "same-origin"):
        return True
    return mode == "cors" and origin is not None and allowed_origin in (origin, "*")


def largest_window(dictionary_size: int) -> int:
    """Return the bytes of the largest window with a dictionary of this many bytes (section 5)."""
    return min(max(_LEAST_WINDOW_BYTES, dictionary_size * 5 // 4), LARGEST_WINDOW_BYTES)


def window_log(size: int, dictionary_size: int) -> int:
    """Return the binary logarithm of the window for a content and a dictionary of these sizes in bytes.

    A content of over 8 MiB that the largest window holds becomes one segment. The window of a segment is as
    large as its content (RFC 8878 section 3.1.1.1.2), and Chromium 156 decodes it; the result is that of the
    next power of two. In a smaller window, the end of the content would have no dictionary.
    """
    window = largest_window(dictionary_size)
    return (size - 1).bit_length() if _LEAST_WINDOW_BYTES < size <= window else window.bit_length() - 1


def delta_header(dictionary: bytes) -> bytes:
    """Return the bytes that come before the Zstandard frame of a delta against ``dictionary``."""
    return _MAGIC + sha256(dictionary).digest()


def decode_delta(chunks: Iterable[bytes], dictionary: bytes, size: int) -> Iterator[bytes]:
    """Decode a delta against ``dictionary`` to a content of ``size`` bytes, in chunks of a few hundred kB.

    Raises `DecodeError` if it is damaged, is against another dictionary, or decodes to more bytes.
    """
    if sys.version_info >= (3, 14):  # pragma: no cover  # one of the two is there
        from compression import zstd
    else:  # pragma: no cover
        from backports import zstd

    if len(dictionary) < SHORTEST_DICTIONARY_BYTES:
        raise DecodeError(f"its dictionary has fewer than {SHORTEST_DICTIONARY_BYTES} bytes")
    largest = largest_window(len(dictionary))
    decompressor = zstd.ZstdDecompressor(
        zstd_dict=zstd.ZstdDict(dictionary, is_raw=True).as_prefix,
        options={zstd.DecompressionParameter.window_log_max: (largest - 1).bit_length()},
    )
    frame = _with_window(_without_header(chunks, delta_header(dictionary)), largest)
    for content in decode_zstd_frame(frame, decompressor, zstd.ZstdError):
        size -= len(content)
        if size < 0:
            raise DecodeError("it decodes to more bytes than its file has")
        yield content


def _without_header(chunks: Iterable[bytes], expected: bytes) -> Iterator[bytes]:
    header = b""
    for chunk in chunks:
        missing = len(expected) - len(header)
        header += chunk[:missing]
        if header != expected[: len(header)]:
            raise DecodeError("it is not a delta against this dictionary")
        if len(chunk) > missing:
            yield chunk[missing:]


def _with_window(chunks: Iterable[bytes], largest: int) -> Iterator[bytes]:
    """Pass a frame on, unless its window has over ``largest`` bytes: the decoder knows a power of two."""
    header = b""
    rest = iter(chunks)
    for chunk in rest:
        header += chunk
        if len(header) >= _LONGEST_FRAME_HEADER:
            break
    if _window(header) > largest:
        raise DecodeError("its window needs too much memory")
    yield header
    yield from rest


def _window(header: bytes) -> int:
    """Return the bytes of the window of a frame with this header, 0 if it is cut short (RFC 8878 3.1.1.1)."""
    if len(header) < 6:
        return 0
    descriptor = header[4]
    if not descriptor & 0x20:
        base = 1 << (10 + (header[5] >> 3))
        return base + base // 8 * (header[5] & 7)
    size_bytes, start = 1 << (descriptor >> 6), 5 + (0, 1, 2, 4)[descriptor & 3]
    size = int.from_bytes(header[start : start + size_bytes], "little")
    return size + 256 if size_bytes == 2 else size
