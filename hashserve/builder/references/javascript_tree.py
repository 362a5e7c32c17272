"""The syntax tree of a script, and the nodes around a byte of it.

Invariant: finding the nodes around many bytes, in order, enters no node twice.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from itertools import islice

import tree_sitter_javascript
from tree_sitter import Language, Node, Parser, Tree, TreeCursor

__all__ = ["Lineage", "argument", "arguments", "lineages", "parse"]

Lineage = tuple[Node, Node, Node, Node, Node]
"""A node and the nodes around it, innermost first; the root stands for what would be outside of it."""

_LINEAGE_LENGTH = 5

# Bytes that are not UTF-8, and NUL, confuse the grammar, so they are replaced by letters.
_AS_LETTERS = bytes(byte if 0 < byte < 0x80 else ord("_") for byte in range(256))


def parse(content: bytes) -> Tree:
    """Parse a script; the nodes of an invalid one may be errors, but there is always a tree."""
    try:
        content.decode()
        is_readable = b"\0" not in content
    except UnicodeDecodeError:
        is_readable = False
    return Parser(_grammar()).parse(content if is_readable else content.translate(_AS_LETTERS))


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
        in_list = self.nodes.pop().type == "comment" or self.nodes[-1].is_error
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
