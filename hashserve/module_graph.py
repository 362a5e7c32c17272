"""The modules of a release, and what each imports: which of them a page needs in its import map.

Invariant: the graph only says which names are of use. Which file a name stands for, the manifest decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

__all__ = ["SCRIPT_EXTENSIONS", "ModuleGraph", "reached_modules"]

SCRIPT_EXTENSIONS = (".js", ".mjs", ".cjs")
"""What the names of scripts end with: only these can be modules."""

ModuleGraph = Mapping[str, Sequence[str]]
"""The imports of each module, by its logical path: logical paths, and specifiers as they are written."""


def reached_modules(modules: ModuleGraph, entries: Iterable[str], bare: Mapping[str, str]) -> set[str]:
    """Return the logical paths that ``entries`` reach through imports, and those of the entries.

    Entries are logical paths, or specifiers in ``bare``, which maps such a specifier to a logical path.
    """
    reached: set[str] = set()
    waiting = [bare.get(entry, entry) for entry in entries]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            waiting.extend(bare.get(name, name) for name in modules.get(path, ()))
    return reached
