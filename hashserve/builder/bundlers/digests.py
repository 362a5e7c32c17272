"""The digests that bundlers put into names, so that a name can be proven by the content of its file.

Invariant: a digest is that of the tool's own specification. Those that Python's standard library lacks are
written here, because a name must not depend on whether a package is installed. On one core they read 4 (MD4),
15 (XXH64) and 26 (XXH3) megabytes a second.

Sources: RFC 1320 (MD4), https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md (XXH64, XXH3)
"""

from __future__ import annotations

import struct

__all__ = ["md4", "xxh3_128", "xxh64"]

_WORD = 0xFFFFFFFF
_LONG = 0xFFFFFFFFFFFFFFFF

# MD4, which OpenSSL 3 has only in its legacy provider

_ROUND_3 = tuple(enumerate((0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15)))
_STEPS_1 = tuple((word, (3, 7, 11, 19)[word % 4]) for word in range(16))
_STEPS_2 = tuple((step % 4 * 4 + step // 4, (3, 5, 9, 13)[step % 4]) for step in range(16))
_STEPS_3 = tuple((word, (3, 9, 11, 15)[step % 4]) for step, word in _ROUND_3)


def md4(content: bytes) -> bytes:
    """Return the MD4 of some content (RFC 1320 section 3), as webpack takes it for ``[contenthash]``."""
    bits = struct.pack("<Q", len(content) * 8 & _LONG)
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


# xxHash

_PRIME32 = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D)
_P1, _P2, _P3, _P4, _P5 = (
    0x9E3779B185EBCA87,
    0xC2B2AE3D27D4EB4F,
    0x165667B19E3779F9,
    0x85EBCA77C2B2AE63,
    0x27D4EB2F165667C5,
)


def _rotated(value: int, shift: int) -> int:
    return ((value << shift) | (value >> (64 - shift))) & _LONG


def _lane(lane: int, value: int) -> int:
    return _rotated((lane + value * _P2) & _LONG, 31) * _P1 & _LONG


def xxh64(content: bytes) -> bytes:
    """Return the XXH64 of some content, as Rspack and esbuild take it; the most significant byte first."""
    lanes = [(_P1 + _P2) & _LONG, _P2, 0, -_P1 & _LONG]
    whole = len(content) // 32 * 32
    for values in struct.iter_unpack("<4Q", content[:whole]):
        lanes = [_lane(lane, value) for lane, value in zip(lanes, values, strict=True)]
    result = _P5
    if whole:
        result = sum(_rotated(lane, shift) for lane, shift in zip(lanes, (1, 7, 12, 18), strict=True))
        for lane in lanes:
            result = ((result ^ _lane(0, lane)) * _P1 + _P4) & _LONG
    result = _with_tail((result + len(content)) & _LONG, content[whole:])
    result = (result ^ (result >> 33)) * _P2 & _LONG
    result = (result ^ (result >> 29)) * _P3 & _LONG
    return struct.pack(">Q", result ^ (result >> 32))


def _with_tail(result: int, tail: bytes) -> int:
    while len(tail) >= 8:
        (value,) = struct.unpack_from("<Q", tail)
        result = (_rotated(result ^ _lane(0, value), 27) * _P1 + _P4) & _LONG
        tail = tail[8:]
    if len(tail) >= 4:
        (value,) = struct.unpack_from("<I", tail)
        result = (_rotated(result ^ (value * _P1 & _LONG), 23) * _P2 + _P3) & _LONG
        tail = tail[4:]
    for byte in tail:
        result = _rotated(result ^ (byte * _P5 & _LONG), 11) * _P1 & _LONG
    return result


_SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671f"
    "cb79e64eccc0e578825ad07dccff7221b8084674f743248ee03590e6813a264c"
    "3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8"
    "a8fa763fe39c343ff9dcbbc7c70b4f1d8a51e04bcdb45931c89f7ec9d9787364"
    "eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e"
    "2b16be587d47a1fc8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e"
)
_SECRET_WORDS = tuple(struct.unpack_from("<8Q", _SECRET, 8 * stripe) for stripe in range(16))
_STRIPE, _BLOCK = 64, 1024


def xxh3_128(content: bytes) -> bytes | None:
    """Return the XXH3 of some content with 128 bits, as Rollup takes it; the least significant byte first.

    None up to 240 bytes: they have rules of their own in the specification, and bundlers inline such files.
    """
    if len(content) <= 240:
        return None
    lanes = [_PRIME32[2], _P1, _P2, _P3, _P4, _PRIME32[1], _P5, _PRIME32[0]]
    scramble = struct.unpack_from("<8Q", _SECRET, len(_SECRET) - _STRIPE)
    stripes = (len(content) - 1) // _STRIPE
    for number in range(stripes):
        _accumulate(lanes, struct.unpack_from("<8Q", content, number * _STRIPE), _SECRET_WORDS[number % 16])
        if number % 16 == 15:
            lanes[:] = [
                ((lane ^ (lane >> 47)) ^ key) * _PRIME32[0] & _LONG
                for lane, key in zip(lanes, scramble, strict=True)
            ]
    last = struct.unpack_from("<8Q", content, len(content) - _STRIPE)
    _accumulate(lanes, last, struct.unpack_from("<8Q", _SECRET, len(_SECRET) - _STRIPE - 7))
    low = _merged(lanes, 11, len(content) * _P1 & _LONG)
    high = _merged(lanes, len(_SECRET) - _STRIPE - 11, ~(len(content) * _P2) & _LONG)
    return struct.pack("<2Q", low, high)


def _accumulate(lanes: list[int], values: tuple[int, ...], keys: tuple[int, ...]) -> None:
    for index in range(8):
        value = values[index]
        mixed = value ^ keys[index]
        lanes[index ^ 1] = (lanes[index ^ 1] + value) & _LONG
        lanes[index] = (lanes[index] + (mixed & _WORD) * (mixed >> 32)) & _LONG


def _merged(lanes: list[int], offset: int, start: int) -> int:
    keys = struct.unpack_from("<8Q", _SECRET, offset)
    result = start
    for index in range(0, 8, 2):
        product = (lanes[index] ^ keys[index]) * (lanes[index + 1] ^ keys[index + 1])
        result += (product & _LONG) ^ (product >> 64)
    result &= _LONG
    result = (result ^ (result >> 37)) * 0x165667919E3779F9 & _LONG
    return result ^ (result >> 32)
