from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

import pytest
from django.contrib.staticfiles.storage import HashedFilesMixin
from django.core.files.base import ContentFile
from hypothesis import given
from hypothesis import strategies as st

from hashserve.builder.naming.fingerprinter import Fingerprinter
from hashserve.builder.naming.graph import (
    Link,
    NamedFile,
    RewriteSource,
    components,
    fingerprint_circle,
    fingerprint_file,
)
from hashserve.builder.references.finder import find_references
from hashserve.builder.references.languages import language_of
from hashserve.builder.references.resolver import Internal, Resolver
from hashserve.builder.references.rewrite import Frame
from hashserve.errors import SettingError

Graph = dict[str, list[str]]


def sources_of(contents: Mapping[str, bytes]) -> dict[str, RewriteSource]:
    resolver = Resolver(contents.keys(), prefix="/static/")
    sources = {}
    for path, content in contents.items():
        language = language_of(path)
        found = [] if language is None else find_references(content, language=language)
        resolved = [(reference, resolver.resolve(reference, path)) for reference in found]
        links = [
            Link(reference=reference, internal=internal)
            for reference, internal in resolved
            if isinstance(internal, Internal)
        ]
        sources[path] = RewriteSource(content=content, links=tuple(links))
    return sources


def built(contents: Mapping[str, bytes], *, kept: Iterable[str] = ()) -> dict[str, NamedFile]:
    """Fingerprint a tree; the ``kept`` files keep their names, and the others refer to them as before."""
    fingerprinter, sources = Fingerprinter(), sources_of(contents)
    paths = {path: path for path in kept}
    graph = {
        path: [link.internal.logical_path for link in source.links]
        for path, source in sources.items()
        if path not in paths
    }
    found: dict[str, NamedFile] = {}
    for component in components(graph):
        unit = {path: sources[path] for path in component.members}
        if component.is_cyclic:
            items = fingerprint_circle(unit, paths, fingerprinter)
        else:
            items = [fingerprint_file(*unit.popitem(), paths, fingerprinter)]
        for item in items:
            found[item.logical_path] = item
            paths[item.logical_path] = item.path
    return found


def contents_of(graph: Mapping[str, Iterable[str]], bodies: Mapping[str, int]) -> dict[str, bytes]:
    return {
        path: b"".join(b'@import "%b";\n' % target.encode() for target in targets)
        + b"/* %d */" % bodies[path]
        for path, targets in graph.items()
    }


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    paths = [f"{number}.css" for number in range(draw(st.integers(1, 9)))]
    return {path: draw(st.lists(st.sampled_from(paths), max_size=3)) for path in paths}


def reach(graph: Mapping[str, Iterable[str]], start: str) -> set[str]:
    seen, waiting = set[str](), [start]
    while waiting:
        for target in graph[waiting.pop()]:
            if target not in seen:
                seen.add(target)
                waiting.append(target)
    return seen


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        ({}, []),
        ({"a": []}, ["a"]),
        ({"a": ["a"]}, ["a*"]),
        ({"a": ["b"], "b": []}, ["b", "a"]),
        ({"a": ["b"], "b": ["a"]}, ["a b*"]),
        ({"a": ["b", "b"], "b": ["c"], "c": ["b"], "d": ["a"]}, ["b c*", "a", "d"]),
        ({"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}, ["d", "b", "c", "a"]),
        ({"a": ["b"], "b": ["c"], "c": ["a", "d"], "d": ["e"], "e": ["d"]}, ["d e*", "a b c*"]),
        ({"a": ["elsewhere"]}, ["a"]),
    ],
)
def test_components_come_after_what_they_refer_to(graph: Graph, expected: list[str]) -> None:
    assert [" ".join(item.members) + "*" * item.is_cyclic for item in components(graph)] == expected


@given(graphs(), st.randoms())
def test_components_are_those_that_reach_each_other_in_any_order_given(
    graph: Graph, shuffle: random.Random
) -> None:
    found = components(graph)
    shuffled = {
        path: shuffle.sample(graph[path], len(graph[path])) for path in shuffle.sample([*graph], len(graph))
    }
    assert components(shuffled) == found
    named: set[str] = set()
    for component in found:
        for path in component.members:
            around = {other for other in reach(graph, path) if path in reach(graph, other)}
            assert around | {path} == set(component.members)
            assert component.is_cyclic == (path in around)
            assert reach(graph, path) <= named | set(component.members)
        named.update(component.members)
    assert named == graph.keys()


@pytest.mark.parametrize("closed", [False, True])
def test_a_chain_of_100_000_files_needs_no_recursion(closed: bool) -> None:
    graph = {str(number): [str(number + 1)] for number in range(100_000)}
    graph["100000"] = ["0"] if closed else []
    assert len(components(graph)) == (1 if closed else 100_001)


def test_files_without_references_are_named_as_django_names_them() -> None:
    storage = HashedFilesMixin()
    for name in ("css/app.css", "a.min.js", "no-extension", ".hidden", "a.b/c", "é.tar.gz"):
        content = name.encode()
        expected = storage.hashed_name(name, ContentFile(content))
        fingerprinter = Fingerprinter()
        assert fingerprinter.name(name, (content,)) == expected


@pytest.mark.parametrize(
    ("fingerprinter", "token"),
    [
        (Fingerprinter(), hashlib.md5(b"x").hexdigest()[:12]),
        (Fingerprinter(length=32), hashlib.md5(b"x").hexdigest()),
        (Fingerprinter(digest="sha256", length=20), hashlib.sha256(b"x").hexdigest()[:20]),
    ],
)
def test_a_fingerprint_is_the_start_of_the_digest(fingerprinter: Fingerprinter, token: str) -> None:
    assert fingerprinter.fingerprint([b"x"]) == fingerprinter.fingerprint([b"", b"x"]) == token


@pytest.mark.parametrize(
    ("digest", "length"), [("md6", 12), ("md5", 7), ("md5", 33), ("sha256", 65), ("shake_128", 12)]
)
def test_settings_that_make_no_safe_name_are_refused(digest: str, length: int) -> None:
    with pytest.raises(SettingError):
        Fingerprinter(digest=digest, length=length)


def test_a_file_is_named_by_its_final_content() -> None:
    found = built({"css/a.css": b"a{b:url(../i.png?x#y)}", "i.png": b"png"})
    image, styles = found["i.png"], found["css/a.css"]
    assert styles.content == f"a{{b:url(../{image.path}?x#y)}}".encode()
    assert styles.path == f"css/a.{hashlib.md5(styles.content).hexdigest()[:12]}.css"


def test_members_of_a_circle_have_names_of_their_own_and_refer_by_them() -> None:
    found = built({"a.css": b'@import "b.css";', "b.css": b'@import "./a.css";@import "b.css";'})
    a, b = found["a.css"], found["b.css"]
    assert a.path.removeprefix("a") != b.path.removeprefix("b")
    assert a.content == b'@import "%b";' % b.path.encode()
    assert b.content == b'@import "./%b";@import "%b";' % (a.path.encode(), b.path.encode())


def test_a_file_that_keeps_its_name_is_referred_to_as_written() -> None:
    found = built({"a.css": b"a{b:url(%69.1234.png)}", "i.1234.png": b"png"}, kept=["i.1234.png"])
    assert found.keys() == {"a.css"}
    assert found["a.css"].content == b"a{b:url(%69.1234.png)}"


def test_a_framed_reference_to_a_file_that_keeps_its_name_is_in_its_frame() -> None:
    source = sources_of({"a.css": b"a{b:url(i.png)}", "i.png": b""})["a.css"]
    frame = Frame(start=4, end=14, before=b'url("', after=b'")')
    framed = RewriteSource(content=source.content, links=(replace(source.links[0], frame=frame),))
    found = fingerprint_file("a.css", framed, {"i.png": "i.png"}, Fingerprinter())
    assert found.content == b'a{b:url("i.png")}'


@given(graphs(), st.data())
def test_a_change_renames_exactly_the_files_that_reach_it_and_its_circle(
    graph: Graph, data: st.DataObject
) -> None:
    changed = data.draw(st.sampled_from(sorted(graph)))
    before = built(contents_of(graph, dict.fromkeys(graph, 0)))
    after = built(contents_of(graph, {path: int(path == changed) for path in graph}))
    renamed = {path for path in graph if before[path].path != after[path].path}
    assert renamed == {path for path in graph if changed in reach(graph, path)} | {changed}


@given(graphs(), st.randoms())
def test_names_and_contents_do_not_depend_on_the_order_of_the_walk(
    graph: Graph, shuffle: random.Random
) -> None:
    contents = contents_of(graph, dict.fromkeys(graph, 0))
    shuffled = {path: contents[path] for path in shuffle.sample([*contents], len(contents))}
    assert built(shuffled) == built(contents)


@given(graphs())
def test_every_reference_names_the_final_path_of_its_target(graph: Graph) -> None:
    found = built(contents_of(graph, dict.fromkeys(graph, 0)))
    assert len({item.path for item in found.values()}) == len(graph)
    for path, targets in graph.items():
        named = re.findall(r'"(.*?)"', found[path].content.decode())
        assert named == [found[target].path for target in targets]
