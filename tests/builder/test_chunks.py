"""Files are read in pieces: none is large, and none is empty."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashserve.builder.chunks import BLOCK_SIZE, read_chunks
from tests.support.files import put


@pytest.mark.parametrize("content", [b"", b"x", b"a" * BLOCK_SIZE, b"ab" * BLOCK_SIZE])
def test_a_file_is_read_in_pieces_of_a_bounded_size_and_none_is_empty(tmp_path: Path, content: bytes) -> None:
    chunks = list(read_chunks(str(put(tmp_path, "a", content))))
    assert b"".join(chunks) == content
    assert all(0 < len(chunk) <= BLOCK_SIZE for chunk in chunks)
