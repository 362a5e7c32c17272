"""Content is verified while it passes: by its size, its digest and its coding."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

import pytest

from hashserve.builder.compression.compressors import compress
from hashserve.builder.releases.errors import MismatchError
from hashserve.builder.releases.verification import verified_chunks
from hashserve.digests import digest_of

TEXT = b"a text that is long enough to be worth compressing\n" * 20


def parts(content: bytes) -> list[bytes]:
    return [content[start : start + 7] for start in range(0, len(content), 7)]


@pytest.mark.parametrize("coding", ["identity", "br", "gzip", "zstd"])
def test_verified_content_passes_in_pieces_as_it_came(coding: str) -> None:
    content = TEXT if coding == "identity" else _coded(coding)
    passed = list(
        verified_chunks(
            parts(content), "a", digest_of([TEXT]), coding, size=len(TEXT), coded_size=len(content)
        )
    )
    assert b"".join(passed) == content
    assert max(map(len, passed)) == 7


def _coded(coding: str) -> bytes:
    stream = BytesIO()
    compress([TEXT], len(TEXT), coding, stream)
    return stream.getvalue()


def test_content_that_decodes_to_too_much_ends_before_it_is_decoded_completely() -> None:
    bomb = _coded("gzip")
    taken: list[bytes] = []
    with pytest.raises(MismatchError, match="is longer than the 10 bytes"):
        taken.extend(verified_chunks([bomb], "a", "", "gzip", size=10))
    assert taken == []


def test_endless_content_ends_at_its_size() -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x"

    with pytest.raises(MismatchError, match="is longer than the 5 bytes"):
        list(verified_chunks(endless(), "a", "", coded_size=5))
