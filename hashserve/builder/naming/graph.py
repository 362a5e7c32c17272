"""The order in which files are named, and the name of each.

Invariant: a file's name follows from its final content: its own bytes and the names of what it refers to.
Files that refer to each other in a circle are named as one unit. The order of the input does not matter. A
change of a file renames that file and those that refer to it, directly or through others, and no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from hashserve.builder.naming.fingerprinter import Naming
from hashserve.builder.references.reference import Reference
from hashserve.builder.references.resolver import Internal
from hashserve.builder.references.rewrite import Frame, rewrite

__all__ = [
    "Component",
    "Link",
    "NamedFile",
    "RewriteSource",
    "components",
    "fingerprint_circle",
    "fingerprint_file",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A reference to a file of the tree, which is rewritten, in its frame if it has one."""

    reference: Reference
    internal: Internal
    frame: Frame | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteSource:
    """The content of a file before its references are rewritten, and the references to rewrite."""

    content: bytes
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """Files that refer to each other in a circle, in order of their logical paths; or one file alone."""

    members: tuple[str, ...]
    is_cyclic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFile:
    """The final content of a file, and its fingerprinted path."""

    logical_path: str
    path: str
    content: bytes


def components(graph: Mapping[str, Iterable[str]]) -> list[Component]:
    """Return the strongly connected components of a graph of references, each after those it refers to.

    ``graph`` maps every logical path to those it refers to; a path that is not a key is ignored. The
    result depends on the graph only, never on its order.
    """
    edges = {path: sorted({target for target in graph[path] if target in graph}) for path in sorted(graph)}
    return [
        Component(members=members, is_cyclic=len(members) > 1 or members[0] in edges[members[0]])
        for members in _strongly_connected(edges)
    ]


def _strongly_connected(edges: Mapping[str, list[str]]) -> Iterator[tuple[str, ...]]:
    """Yield the members of each component, as Tarjan (1972) finds them.

    It takes time in proportion to the size of the graph, and no recursion. ``lowest`` has the smallest number
    of a path that each path leads back to.
    """
    number: dict[str, int] = {}
    lowest: dict[str, int] = {}
    targets: dict[str, Iterator[str]] = {}
    stack: dict[str, None] = {}  # a dict, because it is searched too
    for root in edges:
        walk = [root] if root not in number else []
        while walk:
            path = walk[-1]
            if path not in number:
                number[path] = lowest[path] = len(number)
                targets[path] = iter(edges[path])
                stack[path] = None
            for target in targets[path]:
                if target not in number:
                    walk.append(target)
                    break
                if target in stack:
                    lowest[path] = min(lowest[path], number[target])
            else:
                walk.pop()
                if walk:
                    lowest[walk[-1]] = min(lowest[walk[-1]], lowest[path])
                if lowest[path] == number[path]:
                    members = [stack.popitem()[0]]
                    while members[-1] != path:
                        members.append(stack.popitem()[0])
                    yield tuple(sorted(members))


def fingerprint_file(
    logical_path: str, source: RewriteSource, paths: Mapping[str, str], naming: Naming
) -> NamedFile:
    """Name a file that is in no circle, from its content with all references rewritten.

    ``paths`` has the path of every file that it refers to; the logical path itself if that keeps its name.
    """
    content = _rewritten(source, paths.__getitem__)
    return NamedFile(logical_path=logical_path, path=naming.name(logical_path, (content,)), content=content)


def fingerprint_circle(
    sources: Mapping[str, RewriteSource], paths: Mapping[str, str], naming: Naming
) -> list[NamedFile]:
    """Name the files of a circle, in the order of ``sources``.

    ``paths`` has the path of every file outside of the circle that one of them refers to.
    """
    inside = _circle_paths(sources, paths, naming)
    return [
        NamedFile(
            logical_path=path,
            path=inside[path],
            content=_rewritten(source, lambda target: inside.get(target) or paths[target]),
        )
        for path, source in sources.items()
    ]


def _circle_paths(
    sources: Mapping[str, RewriteSource], paths: Mapping[str, str], naming: Naming
) -> dict[str, str]:
    """Derive the members' paths from everything that decides their final content except these paths.

    For each member, these are its logical path, its content with only the references out of the circle
    rewritten, and the logical paths of the members that it refers to.
    """
    unit = sha256()
    for path, source in sorted(sources.items()):
        content = _rewritten(source, lambda target: target if target in sources else paths[target])
        named = [link.internal.logical_path for link in source.links]
        parts = [_bytes(path), content, *(_bytes(target) for target in named if target in sources)]
        # With counts and lengths, two different circles never have the same bytes here.
        unit.update(b"%d;" % len(parts))
        for part in parts:
            unit.update(b"%d:%b" % (len(part), part))
    return {path: naming.name(path, (unit.digest() + _bytes(path),)) for path in sources}


def _rewritten(source: RewriteSource, path_of: Callable[[str], str]) -> bytes:
    """Rewrite each link to the path of its target. A link to a file that keeps its name stays as written.

    A link in a frame is always spelt again, so that its frame does not depend on its target's name.
    """
    replacements = []
    for link in source.links:
        path = path_of(link.internal.logical_path)
        if path != link.internal.logical_path or link.frame is not None:
            replacements.append((link.reference, link.internal.url(path)))
    if not replacements:
        return source.content
    frames = {link.reference: link.frame for link in source.links if link.frame is not None}
    return rewrite(source.content, replacements, frames)


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
