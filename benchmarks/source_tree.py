"""Source trees to build: one with files of real packages, and trees with any number of small files.

Invariant: a tree always has the same bytes.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from benchmarks.corpus import admin_files
from tests.support.npm_trees import tree

__all__ = ["SourceTree", "change", "make_admin_tree", "make_real_tree", "make_small_files", "warm"]

_PACKAGES = {
    "bootstrap": ("bootstrap", ("dist",)),
    "fontawesome": ("fontawesome-free", ("css", "js", "svgs", "webfonts")),
    "jquery": ("jquery", ("dist",)),
    "three": ("three", ("build",)),
}
"""The package and its folders, by the folder of the tree."""

_FILES_PER_FOLDER = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTree:
    """A tree to build. ``leaf`` is a stylesheet that another one imports, ``large`` is the largest one."""

    root: Path
    leaf: str
    large: str

    @property
    def files(self) -> list[Path]:
        """List the files, sorted by path."""
        return sorted(path for path in self.root.rglob("*") if path.is_file())


def make_real_tree(root: Path) -> SourceTree:
    """Make a tree of Bootstrap, Font Awesome, jQuery, three.js and Django's admin.

    The packages are downloaded once and checked. Raises `tests.support.npm_trees.TreeUnavailableError`.
    """
    for name, (package, folders) in _PACKAGES.items():
        for folder in folders:
            shutil.copytree(tree(package) / folder, root / name / folder)
    make_admin_tree(root)
    return SourceTree(root=root, leaf="admin/css/widgets.css", large="bootstrap/dist/css/bootstrap.css")


def make_admin_tree(root: Path, *, folders: tuple[str, ...] = ("",)) -> SourceTree:
    """Make a tree of Django's admin, or of some of its folders. This needs no network."""
    for path, content in admin_files().items():
        if path.startswith(folders):
            _put(root / "admin" / path, content)
    return SourceTree(root=root, leaf="admin/css/widgets.css", large="admin/css/base.css")


def make_small_files(root: Path, number: int) -> SourceTree:
    """Make ``number`` different files of about 1 kB. Of each 10, 7 are images, 2 scripts and 1 a stylesheet.

    The second script imports the first, and the stylesheet refers to four images, all in the same folder.
    """
    for index in range(number):
        folder, own = divmod(index, _FILES_PER_FOLDER)
        name, content = _small_file(own, index)
        _put(root / f"app-{folder:04}" / name, content.encode())
    return SourceTree(root=root, leaf="app-0000/style-00.css", large="app-0000/style-00.css")


def _small_file(own: int, index: int) -> tuple[str, str]:
    kind = own % 10
    if kind == 0:
        images = [f"image-{own + offset:02}.svg" for offset in range(3, 7)]
        rules = [
            f".icon-{index}-{name[6:8]} {{ background: url({name}); margin: 1px {index % 97}px }}\n"
            for name in images
        ]
        return f"style-{own:02}.css", "".join(rules) * 3
    if kind in (1, 2):
        imported = f'import {{ value as before }} from "./script-{own - 1:02}.js";\n' if kind == 2 else ""
        lines = [f"  total += {(index * step) % 9973} * factor; // step {step}\n" for step in range(24)]
        body = (
            f"export function value(factor) {{\n  let total = {index};\n{''.join(lines)}  return total;\n}}\n"
        )
        return f"script-{own:02}.js", imported + body
    points = " ".join(f"L{(index * step) % 509} {(index + step * step) % 512}" for step in range(80))
    path = f'<path fill="currentColor" d="M{index} 0 {points} z"/>'
    return (
        f"image-{own:02}.svg",
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 512 512">{path}</svg>\n',
    )


def change(tree: SourceTree, path: str, number: int) -> None:
    """Append a new rule to a stylesheet; another ``number`` makes another rule."""
    with (tree.root / path).open("a", encoding="utf-8") as stream:
        stream.write(f"\n.changed-{number} {{ color: red }}\n")


def warm(tree: SourceTree) -> None:
    """Read every byte of a tree into the page cache."""
    for path in tree.files:
        path.read_bytes()


def _put(location: Path, content: bytes) -> None:
    location.parent.mkdir(parents=True, exist_ok=True)
    location.write_bytes(content)
