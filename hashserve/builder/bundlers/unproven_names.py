"""Names that look fingerprinted by a bundler and are not proven: they are reported.

Invariant: a finding is about one folder and one form of names. Its remedy keeps these names and no others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from hashserve.builder.bundlers.name_tokens import CODE, NameToken
from hashserve.builder.report import BuildFinding
from hashserve.manifest.json_text import quoted

__all__ = ["unproven_names"]

_SHOWN = 3

_MOST_COMPARED = 100
"""For how many groups of names a pattern is compared with every file of the tree."""


def unproven_names(
    names: Mapping[str, NameToken], files: Mapping[str, str], kept: Mapping[str, str]
) -> Iterator[BuildFinding]:
    """Yield a finding for each folder and form of ``names`` that has code with a random token.

    ``files`` maps each path of the tree to its location. ``kept`` are the proven names.
    """
    groups: dict[tuple[str, str, int], list[str]] = defaultdict(list)
    for path, token in names.items():
        if not (token.is_word or token.is_copy_in(files)):
            groups[token.folder, token.separator, len(token.text)].append(path)
    of_code = [
        paths
        for paths in groups.values()
        if any(path.endswith(CODE) and names[path].is_random for path in paths)
    ]
    for number, paths in enumerate(of_code):
        shown = paths[: 1 + _SHOWN]
        glob = names[paths[0]].glob
        is_compared = number < _MOST_COMPARED
        is_exact = is_compared and _matched(glob, names[paths[0]].folder, files) <= {*paths, *kept}
        yield BuildFinding(
            kind="bundler-name",
            path=files[paths[0]],
            message=_described(paths, [glob] if is_exact else shown),
        )


def _matched(glob: str, folder: str, files: Mapping[str, str]) -> set[str]:
    """Return the ``files`` that a pattern matches, which begins with a folder."""
    return {path for path in files if path.startswith(folder) and fnmatchcase(path, glob)}


def _described(paths: Sequence[str], patterns: Sequence[str]) -> str:
    """Say that some files get a second fingerprint, and by which patterns they keep their names."""
    others = [quoted(path) for path in paths[1 : 1 + _SHOWN]]
    hidden = len(paths) - 1 - len(others)
    more = f" and {hidden:,} more" if hidden else ""
    too = f"; so do those of {', '.join(others)}{more}" if others else ""
    keep = ", ".join(map(quoted, patterns))
    return (
        f"its name looks fingerprinted by a bundler, and gets a second fingerprint{too}. No later release "
        "has deltas against such names. If other content always gets another name, name the bundler's "
        f"manifest ({{setting:bundler_manifests}}), or keep the names ({{setting:already_hashed}}: {keep}); "
        "if not, accept this ({setting:accept}: bundler-name)"
    )
