from __future__ import annotations

import hashlib
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashserve.digests import digest_of, integrity_of
from tests.support.hypothesis_profile import QUICK


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # FIPS 180-4's own examples, in base64.
        (b"", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
        (b"abc", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="),
    ],
)
def test_a_digest_is_sha_256_in_base64(content: bytes, expected: str) -> None:
    assert digest_of([content]) == expected


@QUICK
@given(st.lists(st.binary(max_size=50), max_size=8))
def test_a_digest_does_not_depend_on_the_chunks(chunks: list[bytes]) -> None:
    digest = digest_of(iter(chunks))
    assert digest == digest_of([b"".join(chunks)])
    assert b64decode(digest, validate=True) == hashlib.sha256(b"".join(chunks)).digest()
    assert len(digest) == 44


def test_integrity_names_the_algorithm() -> None:
    # The form of the examples in Subresource Integrity, which browsers compare.
    assert integrity_of(digest_of([b"abc"])) == "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="
