"""Builds of real trees, whose references are compared by other parsers: acorn and css-tree."""

from __future__ import annotations

import json
import os
import posixpath
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import pytest

from tests.support.parts import require_tool
from tests.support.real_trees import TREES, Built, build_real, parser_modules

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

REFERENCE_SCRIPT = Path(__file__).with_name("references.mjs")
BASE = "http://tree.test/static/"
LANGUAGES = (".css", ".js", ".mjs", ".cjs")

EXPECTED = {
    # the numbers of files, rewritten references and missing references
    "bootstrap": (44, 22, 0),
    "fontawesome": (2083, 80, 0),
    "jquery": (6, 0, 0),
    "three": (580, 1324, 0),
    "monaco": (119, 1, 23),
    "vite": (6, 0, 0),
    "webpack": (12, 0, 0),
    "htmx": (27, 0, 0),
    "alpine": (4, 0, 0),
}


@dataclass(frozen=True, kw_only=True)
class FileReferences:
    """The result of the parsers for a file: kind and text of each reference, and a digest of the rest."""

    references: list[tuple[str, str]]
    rest: str


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A reference before and after the build. The file has the old ``path`` and the new ``name``."""

    path: str
    name: str
    kind: str
    before: str
    after: str

    @property
    def target(self) -> SplitResult | None:
        """The target before the build, unless it is outside the tree."""
        return self.resolved(self.path, self.before)

    @property
    def new_target(self) -> SplitResult | None:
        """The target after the build."""
        return self.resolved(self.name, self.after)

    def resolved(self, holder: str, written: str) -> SplitResult | None:
        if self.kind == "specifier" and not written.startswith(("/", "./", "../")):
            return None
        if self.kind == "page" and not written.startswith("/"):
            return None
        url = urljoin(BASE + holder, written)
        return urlsplit(url) if url.startswith(BASE) and posixpath.basename(urlsplit(url).path) else None


def parsed(files: Iterable[Path]) -> Mapping[Path, FileReferences]:
    """Return the result of the parsers for each file."""
    listed = json.dumps([str(path) for path in files])
    answer = subprocess.run(
        [require_tool("node"), str(REFERENCE_SCRIPT)],
        input=listed,
        capture_output=True,
        text=True,
        env={**os.environ, "MODULES": str(parser_modules())},
        timeout=600,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return {
        Path(path): FileReferences(
            references=[(kind, value) for kind, value in result["references"]], rest=result["rest"]
        )
        for path, result in json.loads(answer.stdout).items()
    }


def read_files(built: Built) -> Iterator[tuple[Path, Path, str, str]]:
    """Yield each script and style sheet: its locations and its paths, before and after the build."""
    for logical_path, name in built.manifest.paths.items():
        before = built.source / logical_path
        if name.endswith(LANGUAGES) and name != logical_path and before.is_file():
            yield before, built.out / name, logical_path, name


def pairs(built: Built) -> list[Pair]:
    """Return every reference of a tree, and check that the build changed nothing else."""
    files = list(read_files(built))
    results = parsed([path for before, after, *_ in files for path in (before, after)])
    found = []
    for before, after, path, name in files:
        old, new = results[before], results[after]
        assert old.rest == new.rest, f"{path} changed outside its references"
        for (kind, written), (new_kind, rewritten) in zip(old.references, new.references, strict=True):
            assert kind == new_kind
            found.append(Pair(path=path, name=name, kind=kind, before=written, after=rewritten))
    return found


def path_of(url: SplitResult) -> str:
    return unquote(url.path).removeprefix("/static/")


@pytest.mark.parametrize("name", TREES)
def test_every_reference_of_a_real_tree_names_the_fingerprinted_file(name: str) -> None:
    built = build_real(name)
    paths, rewritten, missing = built.manifest.paths, 0, 0
    for pair in pairs(built):
        old, new = pair.target, pair.new_target
        if old is not None and path_of(old) in paths:
            assert new is not None
            assert path_of(new) == paths[path_of(old)], f"{pair} is not rewritten"
            assert (new.query, new.fragment) == (old.query, old.fragment)
            assert (built.out / path_of(new)).is_file()
            rewritten += pair.after != pair.before
        else:
            assert pair.after == pair.before, f"{pair} names no file of the tree"
            missing += old is not None
    reported = [finding for finding in built.report.findings if finding.kind == "missing-reference"]
    assert (rewritten, missing) == (built.report.rewritten_references, len(reported))
    if name in EXPECTED:
        assert (built.report.files, rewritten, missing) == EXPECTED[name]
    else:
        assert rewritten > 0


@pytest.mark.parametrize("name", TREES)
def test_files_other_than_scripts_and_stylesheets_keep_their_bytes(name: str) -> None:
    built = build_real(name)
    paths = built.manifest.paths
    for logical_path, path in paths.items():
        kept = (built.source / path).is_file()  # a bundler's own name
        if kept or not path.endswith(LANGUAGES):
            source = built.source / (path if kept else logical_path)
            assert (built.out / path).read_bytes() == source.read_bytes()


@pytest.mark.parametrize("name", TREES)
def test_a_file_has_the_bytes_of_its_source_under_its_unhashed_name(name: str) -> None:
    built = build_real(name)
    paths = built.manifest.paths
    for logical_path in paths:
        source = built.source / logical_path
        # A bundler's file has no unhashed name. One such as htmx.min.js.gz can be that of another's variant.
        if source.is_file() and posixpath.splitext(logical_path)[0] not in paths:
            # Not compared by pytest: its report of a difference in a large file takes minutes.
            is_same = (built.out / logical_path).read_bytes() == source.read_bytes()
            assert is_same, f"{logical_path} has other bytes"
