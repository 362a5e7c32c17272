"""Content codings: their names and decoders, how a client ranks them, which one it gets.

Invariant: this module alone knows Accept-Encoding (RFC 9110 section 12.5.3). A field of any length takes
bounded time.
"""

from __future__ import annotations

import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple, Protocol

from hashserve.errors import HashserveError

__all__ = [
    "CODINGS",
    "IDENTITY",
    "Coding",
    "DecodeError",
    "ZstdDecompressor",
    "choose_coding",
    "coding_of_suffix",
    "decode_at_most",
    "decode_zstd_frame",
    "is_acceptable",
    "is_named",
    "parse_accept_encoding",
]

IDENTITY = "identity"
LONGEST_FIELD = 4096
"""How much of an Accept-Encoding value is read, in characters. Real ones have about 30."""

LONGEST_REMEMBERED = 256
"""The longest Accept-Encoding value, in characters, whose ranking is remembered."""


class DecodeError(HashserveError, ValueError):
    """Coded bytes do not decode: they are cut short, damaged, or of another coding."""


class ZstdDecompressor(Protocol):
    """The decompressor of ``compression.zstd`` and ``backports.zstd``."""

    eof: bool
    needs_input: bool
    unused_data: bytes

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Decode ``data`` to at most ``max_length`` bytes."""
        ...


class Coding(NamedTuple):
    """One content coding: its registered name, its file suffix, and its decoder.

    ``decode`` takes the coded bytes in any chunks, and yields the decoded bytes in chunks of a few
    hundred kB at most, whatever the ratio. It raises `DecodeError`.
    """

    name: str
    suffix: str
    decode: Callable[[Iterable[bytes]], Iterator[bytes]]


def _decode_gzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    decompressor = zlib.decompressobj(wbits=31)
    try:
        for chunk in chunks:
            pending = chunk
            while pending:
                if decompressor.eof:
                    raise DecodeError("bytes follow the end of the gzip member")
                yield decompressor.decompress(pending, _STEP)
                pending = decompressor.unconsumed_tail or decompressor.unused_data
    except zlib.error as error:
        raise DecodeError(str(error)) from error
    if not decompressor.eof:
        raise DecodeError("the gzip stream is cut short")


def _decode_brotli(chunks: Iterable[bytes]) -> Iterator[bytes]:
    import brotli  # this takes 2 ms, and most processes decode nothing

    decompressor = brotli.Decompressor()
    for chunk in chunks:
        if chunk and decompressor.is_finished():
            raise DecodeError("bytes follow the end of the brotli stream")
        try:
            yield decompressor.process(chunk, output_buffer_limit=_STEP)
            while rest := decompressor.process(b"", output_buffer_limit=_STEP):
                yield rest
        except brotli.error as error:
            raise DecodeError(str(error)) from error
    if not decompressor.is_finished():
        raise DecodeError("the brotli stream is cut short")


def _decode_zstd(chunks: Iterable[bytes]) -> Iterator[bytes]:
    if sys.version_info >= (3, 14):  # pragma: no cover  # one of the two is there
        from compression import zstd
    else:  # pragma: no cover
        from backports import zstd

    # RFC 9659: a window of 8 MiB at most, so a variant that some site made needs no more memory.
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 23}
    return decode_zstd_frame(chunks, zstd.ZstdDecompressor(options=options), zstd.ZstdError)


def decode_zstd_frame(
    chunks: Iterable[bytes], decompressor: ZstdDecompressor, zstd_error: type[Exception]
) -> Iterator[bytes]:
    """Decode one zstd frame, and nothing after it. Raises `DecodeError`."""
    for chunk in chunks:
        if chunk and decompressor.eof:
            raise DecodeError("bytes follow the end of the zstd frame")
        pending = chunk
        while not decompressor.eof:
            try:
                yield decompressor.decompress(pending, max_length=_STEP)
            except zstd_error as error:
                raise DecodeError(str(error)) from error
            pending = b""
            if decompressor.needs_input:
                break
        if decompressor.unused_data:
            raise DecodeError("bytes follow the end of the zstd frame")
    if not decompressor.eof:
        raise DecodeError("the zstd stream is cut short")


_STEP = 256 * 1024


def decode_at_most(size: int, coding: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Decode to ``size`` bytes at most, because a few bytes may decode to very many. Raises `DecodeError`."""
    for content in CODINGS[coding].decode(chunks):
        size -= len(content)
        if size < 0:
            raise DecodeError("it decodes to more bytes than its file has")
        yield content


CODINGS: Mapping[str, Coding] = {
    coding.name: coding
    for coding in (
        Coding(name="br", suffix=".br", decode=_decode_brotli),
        Coding(name="gzip", suffix=".gz", decode=_decode_gzip),
        Coding(name="zstd", suffix=".zst", decode=_decode_zstd),
    )
}
"""Every coding that variants may have, in the order of preference if size and qvalue are equal."""

_ALIASES = {"x-gzip": "gzip"}
"""RFC 9110 section 8.4.1.3: recipients treat x-gzip as gzip."""

# codings [ weight ], RFC 9110 sections 12.5.3 and 12.4.2; a coding is a token (5.6.2).
_MEMBER = re.compile(
    r"[ \t]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?[ \t]*"
)


def coding_of_suffix(path: str) -> Coding | None:
    """Return the coding whose suffix ``path`` ends with, or None."""
    for coding in CODINGS.values():
        if path.endswith(coding.suffix):
            return coding
    return None


def parse_accept_encoding(value: str) -> dict[str, int]:
    """Rank the codings of an Accept-Encoding value: name in lower case to qvalue in thousandths.

    A malformed member is skipped. If a coding has two members, the first one counts. A value longer
    than `LONGEST_FIELD` is read up to the last comma before that length.
    Source: RFC 9110 section 12.5.3.
    """
    if len(value) > LONGEST_FIELD:
        value = value[: value.rfind(",", 0, LONGEST_FIELD) + 1]
    qvalues: dict[str, int] = {}
    for member in value.split(","):
        match = _MEMBER.fullmatch(member)
        if match is not None:
            name, weight = match.groups()
            name = name.lower()
            qvalues.setdefault(_ALIASES.get(name, name), _thousandths(weight))
    return qvalues


def _thousandths(weight: str | None) -> int:
    return 1000 if weight is None else round(float(weight) * 1000)


def choose_coding(accept_encoding: str | None, sizes: Mapping[str, int]) -> str:
    """Choose the coding to send from ``sizes``: body sizes in bytes by coding, identity included.

    The highest qvalue wins, then the smallest body, then the order of ``sizes``. Identity comes last if
    the client did not rank it. It is also sent if nothing is acceptable, because a 406 would help nobody.
    Without a field the choice is identity.
    """
    if accept_encoding is None or len(sizes) == 1:
        return IDENTITY
    qvalues = _ranking(accept_encoding)
    rest = qvalues.get("*", 0)
    best, best_rank = IDENTITY, (0, 0)  # identity is sent if nothing else is
    for coding, size in sizes.items():
        qvalue = qvalues.get(coding, rest)
        if qvalue and (qvalue, -size) > best_rank:
            best, best_rank = coding, (qvalue, -size)
    return best


def is_acceptable(coding: str, accept_encoding: str | None) -> bool:
    """Whether a client accepts a body in ``coding``; without a field it accepts any (12.5.3)."""
    if accept_encoding is None:
        return True
    qvalues = _ranking(accept_encoding)
    return coding == IDENTITY or qvalues.get(coding, qvalues.get("*", 0)) > 0


def is_named(coding: str, accept_encoding: str | None) -> bool:
    """Whether a client lists ``coding`` itself as acceptable; ``*`` names no coding."""
    return accept_encoding is not None and _ranking(accept_encoding).get(coding, 0) > 0


def _ranking(accept_encoding: str) -> Mapping[str, int]:
    # Remembered, because clients send the same few values: 0.1 us instead of 6.
    if len(accept_encoding) <= LONGEST_REMEMBERED:
        return _remembered_ranking(accept_encoding)
    return parse_accept_encoding(accept_encoding)


_remembered_ranking = lru_cache(maxsize=256)(parse_accept_encoding)
