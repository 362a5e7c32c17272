"""The syntax tree of a script, and the nodes around a byte of it.

Invariant: a parse takes work in proportion to the length of the script, or ends in `TooComplexError`. Finding
the nodes around many bytes, in order, enters no node twice.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable, Iterator
from itertools import islice

import tree_sitter_javascript
from tree_sitter import Language, Node, Parser, Point, Tree, TreeCursor

from hashserve.builder.references.reference import TooComplexError

__all__ = ["Lineage", "argument", "arguments", "lineages", "parse"]

Lineage = tuple[Node, Node, Node, Node, Node]
"""A node and the nodes around it, innermost first; the root stands for what would be outside of it."""

_LINEAGE_LENGTH = 5

# Bytes that are not UTF-8, and NUL, confuse the grammar, so they are replaced by letters.
_AS_LETTERS = bytes(byte if 0 < byte < 0x80 else ord("_") for byte in range(256))


_CHUNK_SIZE = 4096
_MOST_READS = 64
_MOST_SECONDS = 10e-6
"""The most reads for each chunk and the most seconds of processor time for each byte of a script.

Of 400 scripts of real packages, none took more than 8 reads and 0.5 microseconds. The grammar reads to the
end of the line for each ``/[`` that nothing closes, so that 80 kB of them took 14 s. The number of reads is
the same on every machine. Seconds are not, and names of files must be: so their limit is far away. It exists
because the recovery from some errors (``import//`` on each line) takes long without reading.
"""

_MORE_READS, _MORE_SECONDS = 500, 5.0
"""What any script may take in addition."""


class _LimitedReader:
    """Reads a script for the parser, and stops the parse that takes too much work."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._reads_left = len(content) // _CHUNK_SIZE * _MOST_READS + _MORE_READS
        self._deadline = time.thread_time() + len(content) * _MOST_SECONDS + _MORE_SECONDS

    def read(self, offset: int, _: Point) -> bytes:
        """Return the bytes from an offset on; none once too many were read."""
        self._reads_left -= 1
        return self._content[offset : offset + _CHUNK_SIZE] if self._reads_left > 0 else b""

    @property
    def was_stopped(self) -> bool:
        """Whether too much was read."""
        return self._reads_left <= 0

    def must_stop(self, _offset: int, _has_error: bool) -> bool:
        """Whether the parse ends here: the parser asks after every hundred steps."""
        return self.was_stopped or time.thread_time() > self._deadline


def parse(content: bytes) -> Tree:
    """Parse a script; the nodes of an invalid one may be errors. Raises `TooComplexError`."""
    try:
        content.decode()
        is_readable = b"\0" not in content
    except UnicodeDecodeError:
        is_readable = False
    reader = _LimitedReader(content if is_readable else content.translate(_AS_LETTERS))
    try:
        tree = Parser(_grammar()).parse(reader.read, progress_callback=reader.must_stop)
    except ValueError as error:
        raise TooComplexError from error
    if reader.was_stopped:
        raise TooComplexError  # the end of the parse came before its next question
    return tree


@functools.cache
def _grammar() -> Language:
    return Language(tree_sitter_javascript.language())


def lineages(tree: Tree, starts: Iterable[int]) -> Iterator[Lineage]:
    """Return the innermost node at each byte with the nodes around it; ``starts`` must be in order."""
    return map(_Descent(tree).lineage, starts)


class _Descent:
    """The nodes from the root down to one byte; it moves on from byte to byte.

    tree-sitter itself walks from the root to find a node or its parent, so each word would take time for its
    depth.
    """

    def __init__(self, tree: Tree) -> None:
        self.cursor = tree.walk()
        self.nodes = [tree.root_node] * _LINEAGE_LENGTH

    def lineage(self, start: int) -> Lineage:
        while len(self.nodes) > _LINEAGE_LENGTH and self.nodes[-1].end_byte <= start:
            self.leave(start)
        while self.cursor.goto_first_child_for_byte(start) is not None:
            self.nodes.append(_node(self.cursor))
        nodes = self.nodes
        return nodes[-1], nodes[-2], nodes[-3], nodes[-4], nodes[-5]

    def leave(self, start: int) -> None:
        """Go up from a node; among comments and errors, which form one long list, go to a later sibling."""
        left = self.nodes.pop()
        in_list = left.type == "comment" or left.is_error or self.nodes[-1].is_error
        while in_list and self.cursor.goto_next_sibling():
            node = _node(self.cursor)
            if node.end_byte > start:
                self.nodes.append(node)
                return
        self.cursor.goto_parent()


def _node(cursor: TreeCursor) -> Node:
    node = cursor.node
    assert node is not None, "a cursor has a node as long as its tree exists"
    return node


def arguments(call: Node) -> Iterator[Node]:
    """Yield the arguments of a call or a construction, without comments."""
    found = call.child_by_field_name("arguments")
    if found is None or found.type != "arguments":
        return
    cursor = found.walk()
    has_node = cursor.goto_first_child()
    while has_node:
        node = _node(cursor)
        if node.is_named and node.type != "comment":
            yield node
        has_node = cursor.goto_next_sibling()


def argument(call: Node, index: int) -> Node | None:
    """Return one argument of a call, None if the call has fewer."""
    return next(islice(arguments(call), index, None), None)
