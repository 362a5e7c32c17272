"""Same input, same output: whatever the order, the place, or what was built before."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from hashserve.builder import BuildSettings, build
from tests.support.building import contents, manifest_of, snapshot
from tests.support.files import put
from tests.support.hypothesis_profile import QUICK

Graph = dict[str, frozenset[str]]
"""Which files each file refers to. Folders and extensions differ, and names sort in no telling order."""

NAMES = ("a.css", "b/b.css", "z.js", "b/c.js", "b/d.js", "e.txt")
TARGETS = {
    name: [other for other in NAMES if other.endswith((name[-4:], ".txt") if name.endswith("css") else ".js")]
    for name in NAMES
}
FEW = settings(QUICK, max_examples=25)

graphs = st.fixed_dictionaries(
    {
        name: st.frozensets(st.sampled_from(targets)) if name != "e.txt" else st.just(frozenset[str]())
        for name, targets in TARGETS.items()
    }
)


def content(name: str, targets: AbstractSet[str], salt: str) -> bytes:
    """Write a file that refers to others, from the folder it is in."""
    up = "../" * name.count("/")
    lines = [f"/* {name} {salt} */"]
    for target in sorted(targets):
        url = f"{up or './'}{target}"
        if name.endswith(".css"):
            lines.append(f"@import url({url});" if target.endswith(".css") else f"a {{ cursor: url({url}) }}")
        else:
            lines.append(f"import '{url}';")
    return "\n".join([*lines, "export {};" if name.endswith(".js") else ""]).encode()


def write(source: Path, graph: Graph, order: random.Random, salts: Mapping[str, str] | None = None) -> None:
    names = list(graph)
    order.shuffle(names)
    for name in names:
        put(source, name, content(name, graph[name], (salts or {}).get(name, "")))


def reaching(graph: Graph, changed: str) -> set[str]:
    """Give what has a way to ``changed``, itself included: its ancestors and its component."""
    found = {changed}
    while more := {name for name, targets in graph.items() if targets & found} - found:
        found |= more
    return found


@FEW
@given(graph=graphs, order=st.randoms(use_true_random=False), changed=st.sampled_from(NAMES))
def test_output_depends_on_the_tree_alone_and_a_change_renames_what_reaches_it(
    graph: Graph, order: random.Random, changed: str
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        chosen = BuildSettings(codings=("gzip",))
        for root in ("one", "another/place/two"):
            write(folder / root, graph, order)
            build(folder / root, folder / f"{root}-out", chosen)
        first, second = folder / "one-out", folder / "another/place/two-out"
        published = contents(first)
        created = manifest_of(second).created - manifest_of(first).created
        assert created in (0, 1, 2)
        del published["staticfiles.json"]
        again = contents(second)
        del again["staticfiles.json"]
        assert published == again
        assert manifest_of(first).files == manifest_of(second).files

        before = manifest_of(first).paths
        write(folder / "one", graph, order, {changed: "changed"})
        build(folder / "one", first, chosen)
        after = manifest_of(first).paths
        assert {path for path in before if before[path] != after[path]} == reaching(graph, changed)

        write(folder / "one", graph, order, {changed: "changed"})
        seen = snapshot(first)
        report = build(folder / "one", first, chosen)
        assert (report.written, report.compressed) == (0, 0)
        assert snapshot(first) == seen
