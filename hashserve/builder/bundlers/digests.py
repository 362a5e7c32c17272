"""The digests that bundlers put into names, so that a name can be proven by the content of its file.

Invariant: names do not depend on which packages are installed. If the one for a digest is missing, the build
fails.
"""

from __future__ import annotations

import hashlib
import struct

__all__ = ["md4", "xxh3_128", "xxh64"]


def xxh64(content: bytes) -> bytes:
    """Return the XXH64 of some content, as Rspack and esbuild take it; the most significant byte first."""
    import xxhash  # of the extra "build"

    return xxhash.xxh64_digest(content)


def xxh3_128(content: bytes) -> bytes:
    """Return the XXH3 of some content with 128 bits, as Rollup takes it; the least significant byte first."""
    import xxhash

    return xxhash.xxh3_128_digest(content)[::-1]


def md4(content: bytes) -> bytes:
    """Return the MD4 of some content, as webpack takes it for ``[contenthash]``."""
    try:
        return hashlib.new("md4", content, usedforsecurity=False).digest()
    except ValueError:  # OpenSSL 3 has it only in its legacy provider
        return _md4(content)


# No library of its own has MD4 for every system. On one core, this reads 4 megabytes a second.

_WORD = 0xFFFFFFFF

_ROUND_3 = tuple(enumerate((0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15)))
_STEPS_1 = tuple((word, (3, 7, 11, 19)[word % 4]) for word in range(16))
_STEPS_2 = tuple((step % 4 * 4 + step // 4, (3, 5, 9, 13)[step % 4]) for step in range(16))
_STEPS_3 = tuple((word, (3, 9, 11, 15)[step % 4]) for step, word in _ROUND_3)


def _md4(content: bytes) -> bytes:
    """Return the MD4 of some content (RFC 1320 section 3)."""
    bits = struct.pack("<Q", len(content) * 8)
    padded = b"".join((content, b"\x80", bytes((55 - len(content)) % 64), bits))
    state = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
    for words in struct.iter_unpack("<16I", padded):
        a, b, c, d = state
        for word, shift in _STEPS_1:
            t = (a + ((b & c) | (~b & d)) + words[word]) & _WORD
            a, b, c, d = d, ((t << shift) | (t >> (32 - shift))) & _WORD, b, c
        for word, shift in _STEPS_2:
            t = (a + ((b & c) | (b & d) | (c & d)) + words[word] + 0x5A827999) & _WORD
            a, b, c, d = d, ((t << shift) | (t >> (32 - shift))) & _WORD, b, c
        for word, shift in _STEPS_3:
            t = (a + (b ^ c ^ d) + words[word] + 0x6ED9EBA1) & _WORD
            a, b, c, d = d, ((t << shift) | (t >> (32 - shift))) & _WORD, b, c
        state = (
            (state[0] + a) & _WORD,
            (state[1] + b) & _WORD,
            (state[2] + c) & _WORD,
            (state[3] + d) & _WORD,
        )
    return struct.pack("<4I", *state)
