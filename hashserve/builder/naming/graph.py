"""Which files have to be named before which, and what each is called.

Invariant: a file's name follows from its final content alone: its own bytes and the names of what it
refers to. Files that refer to each other in a circle are named as one unit. The order that anything
is given in never matters, and a change renames the files that reach it, and no other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from hashserve.builder.naming.fingerprinter import Naming
from hashserve.builder.references.reference import Reference
from hashserve.builder.references.resolver import Internal
from hashserve.builder.references.rewrite import Frame, rewrite

__all__ = ["Component", "Link", "NamedFile", "RewriteSource", "components", "fingerprint", "fingerprints"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A reference that names a file of the tree and is to be rewritten, in its frame if it has one."""

    reference: Reference
    internal: Internal
    frame: Frame | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteSource:
    """What a file holds before its references are rewritten, and which of them are."""

    content: bytes
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """Files that reach each other, in order of their logical paths; or one that is in no circle."""

    members: tuple[str, ...]
    is_cyclic: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedFile:
    """A file's final content, and the path that stands for it."""

    logical_path: str
    path: str
    content: bytes


def components(graph: Mapping[str, Iterable[str]]) -> list[Component]:
    """Part a graph of references into its strongly connected components, each after all it refers to.

    ``graph`` maps every logical path to those it refers to; one that is no key is left out. The
    result depends on the graph alone, never on its order. Takes time in proportion to its size, and no
    recursion (Tarjan 1972).
    """
    edges = {path: sorted({target for target in graph[path] if target in graph}) for path in sorted(graph)}
    return [
        Component(members=members, is_cyclic=len(members) > 1 or members[0] in edges[members[0]])
        for members in _Tarjan(edges).run()
    ]


class _Tarjan:
    """The algorithm's state: when each path was first seen, and the earliest that it leads back to."""

    def __init__(self, edges: Mapping[str, list[str]]) -> None:
        self.edges = edges
        self.seen: dict[str, int] = {}
        self.earliest: dict[str, int] = {}
        self.open: dict[str, None] = {}  # a stack in which membership is found at once

    def run(self) -> Iterator[tuple[str, ...]]:
        for path in self.edges:
            if path not in self.seen:
                yield from self.visit(path)

    def enter(self, path: str) -> tuple[str, Iterator[str]]:
        self.seen[path] = self.earliest[path] = len(self.seen)
        self.open[path] = None
        return path, iter(self.edges[path])

    def visit(self, root: str) -> Iterator[tuple[str, ...]]:
        """Walk all that ``root`` leads to, giving each component as its last member is left."""
        walk = [self.enter(root)]
        while walk:
            path, targets = walk[-1]
            target = next(targets, None)
            if target is None:
                walk.pop()
                if walk:
                    self.lead_back(walk[-1][0], self.earliest[path])
                if self.earliest[path] == self.seen[path]:
                    yield self.close(path)
            elif target not in self.seen:
                walk.append(self.enter(target))
            elif target in self.open:
                self.lead_back(path, self.seen[target])

    def lead_back(self, path: str, number: int) -> None:
        self.earliest[path] = min(self.earliest[path], number)

    def close(self, path: str) -> tuple[str, ...]:
        members = [self.open.popitem()[0]]
        while members[-1] != path:
            members.append(self.open.popitem()[0])
        return tuple(sorted(members))


def fingerprints(
    sources: Mapping[str, RewriteSource], naming: Naming, *, kept: Iterable[str] = ()
) -> Iterator[NamedFile]:
    """Fingerprint a whole tree that is held in memory, what is referred to first.

    The ``kept`` ones keep their name and content; the others refer to them as they did.
    """
    paths = {path: path for path in kept}
    graph = {
        path: [link.internal.logical_path for link in source.links]
        for path, source in sources.items()
        if path not in paths
    }
    for component in components(graph):
        for item in fingerprint(component, sources.__getitem__, paths, naming):
            paths[item.logical_path] = item.path
            yield item


def fingerprint(
    component: Component,
    load: Callable[[str], RewriteSource],
    paths: Mapping[str, str],
    naming: Naming,
) -> list[NamedFile]:
    """Fingerprint the members of one component, in their order.

    ``load`` gives the source of a logical path, and is called once for each member. ``paths`` gives
    the path that each file outside of the component goes by: it has to hold every one that is
    referred to, under its own logical path if it keeps its name. Nothing is read or written here.
    """
    sources = {path: load(path) for path in component.members}
    if not component.is_cyclic:
        return [_by_content(path, source, paths, naming) for path, source in sources.items()]
    inside = _unit_paths(sources, paths, naming)
    return [
        NamedFile(
            logical_path=path,
            path=inside[path],
            content=_rewritten(source, lambda target: inside.get(target) or paths[target]),
        )
        for path, source in sources.items()
    ]


def _by_content(path: str, source: RewriteSource, paths: Mapping[str, str], naming: Naming) -> NamedFile:
    content = _rewritten(source, paths.__getitem__)
    return NamedFile(logical_path=path, path=naming.name(path, (content,)), content=content)


def _unit_paths(
    sources: Mapping[str, RewriteSource], paths: Mapping[str, str], naming: Naming
) -> dict[str, str]:
    """Derive the members' paths from all that decides their final content, but for these paths.

    That is, for each: its logical path, its content with references to outside rewritten and those
    to inside as written, and which logical paths the latter name.
    """
    unit = sha256()
    for path, source in sorted(sources.items()):
        content = _rewritten(source, lambda target: target if target in sources else paths[target])
        named = [link.internal.logical_path for link in source.links]
        parts = [_bytes(path), content, *(_bytes(target) for target in named if target in sources)]
        # Counted and measured, so that no two different units run together into the same bytes.
        unit.update(b"%d;" % len(parts))
        for part in parts:
            unit.update(b"%d:%b" % (len(part), part))
    return {path: naming.name(path, (unit.digest() + _bytes(path),)) for path in sources}


def _rewritten(source: RewriteSource, path_of: Callable[[str], str]) -> bytes:
    """Have each link name the path that its target goes by; one that keeps its name stays as written.

    One in a frame is spelt anew all the same: its frame is not to depend on its target's name.
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
