"""The syntax tree of a script, and the work that a parse may take."""

from __future__ import annotations

import pytest

from hashserve.builder.references import javascript_tree
from hashserve.builder.references.javascript_tree import parse
from hashserve.builder.references.reference import TooComplexError


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count the reads of the parser."""
    offsets: list[int] = []

    class CountingReader(javascript_tree._LimitedReader):
        def read(self, offset: int, point: object) -> bytes:
            offsets.append(offset)
            return super().read(offset, point)  # type: ignore[arg-type]

    monkeypatch.setattr(javascript_tree, "_LimitedReader", CountingReader)
    return offsets


@pytest.mark.parametrize("piece", [b"/[", b"from/*", b"import /*", b"/*# sourceMappingURL="])
@pytest.mark.parametrize("size", [100_000, 200_000, 400_000])
def test_a_script_that_the_grammar_reads_again_and_again_is_given_up(
    reads: list[int], piece: bytes, size: int
) -> None:
    with pytest.raises(TooComplexError):
        parse(piece * (size // len(piece)))
    # The parser reads on to its next question, in which it gets nothing.
    chunks = size // javascript_tree._CHUNK_SIZE
    given_up_at = chunks * javascript_tree._MOST_READS + javascript_tree._MORE_READS
    assert given_up_at <= len(reads) < given_up_at + 10_000


def test_a_parse_ends_when_it_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"import//\n" * 2_000
    assert parse(content).root_node.has_error
    seconds = iter(range(1_000_000))
    monkeypatch.setattr(
        "hashserve.builder.references.javascript_tree.time.thread_time", lambda: float(next(seconds))
    )
    with pytest.raises(TooComplexError):
        parse(content)


def test_a_long_script_with_long_tokens_and_an_error_is_read_a_few_times(reads: list[int]) -> None:
    content = b"let x = = 1;\n" + b"f(`%b`, '%b', /%b/);\n/* %b */\n" % ((b"a " * 50_000,) * 4)
    assert parse(content).root_node.has_error
    assert len(reads) < 8 * len(content) // javascript_tree._CHUNK_SIZE
