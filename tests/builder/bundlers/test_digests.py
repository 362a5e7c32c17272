"""The digests of bundlers give the values that their specifications and reference programs give."""

from __future__ import annotations

import pytest

from hashserve.builder.bundlers import digests
from hashserve.builder.bundlers.digests import md4, xxh3_128, xxh64


@pytest.mark.parametrize(
    ("content", "digest"),
    [
        (b"", "31d6cfe0d16ae931b73c59d7e0c089c0"),
        (b"abc", "a448017aaf21d8525fc10ae87aa6729d"),
        (b"abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"),
        (b"1234567890" * 8, "e33b4ddc9c38f2199c3e7b164fcc0536"),
    ],
)
def test_md4_has_the_values_of_its_rfc(content: bytes, digest: str) -> None:
    assert md4(content).hex() == digest
    assert digests._md4(content).hex() == digest  # what a Python without MD4 takes


@pytest.mark.parametrize(
    ("length", "digest"),
    [
        (0, "ef46db3751d8e999"),
        (3, "e5c7bb4533bc65dd"),
        (14, "5cda8b69bbfc1d45"),
        (63, "e26aa9e2a95f8e4f"),
    ],
)
def test_xxh64_has_the_values_of_the_reference_program(length: int, digest: str) -> None:
    assert xxh64(bytes(range(length))).hex() == digest


@pytest.mark.parametrize(
    ("length", "digest"),
    [
        (0, "99aa06d3014798d86001c324468d497f"),
        (241, "1da1cb61bcb8a2a102e8cd95421c6d02"),
        (1024, "d0ac1f7b93bf57b9e5d78bafa45b2aa5"),
        (1025, "2882ebca04ec915ce95c42288f28186e"),
        (2049, "39a54bc93f74921b6c9600c0e506e2ae"),
        (5000, "b92ec02c39d33ce7b418500fc42320ee"),
    ],
)
def test_xxh3_has_the_values_of_the_reference_program(length: int, digest: str) -> None:
    found = xxh3_128(bytes(number % 251 for number in range(length)))
    assert found[::-1].hex() == digest
