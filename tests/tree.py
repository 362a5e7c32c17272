"""The tree of modules in ``CONTRIBUTING.md``. Each line has the first line of a module's docstring.

``python -m tests.tree``, which ``make format`` runs, writes the tree.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["PAGE", "main", "tree", "with_tree"]

PROJECT = Path(__file__).parents[1]
PAGE = PROJECT / "CONTRIBUTING.md"
PACKAGE = PROJECT / "hashserve"
COLUMN = 34
"""The column in which the text begins."""

_BLOCK = re.compile(r"(?<=<!-- tree: begin -->\n```text\n).*?(?=```\n<!-- tree: end -->)", re.DOTALL)


def tree(package: Path = PACKAGE) -> str:
    """Return a line for each package and module, indented by its depth."""
    return "".join(f"{line}\n" for line in _lines(package, 0))


def with_tree(text: str) -> str:
    """Return the text of the page with the current tree."""
    found, count = _BLOCK.subn(lambda _: tree(), text)
    assert count == 1, "the page needs one pair of marks for the tree"
    return found


def _lines(folder: Path, depth: int) -> Iterator[str]:
    yield _line(f"{folder.name}/", folder / "__init__.py", depth)
    modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    packages = [path.parent for path in folder.glob("*/__init__.py")]
    for path in sorted(modules):
        yield _line(path.name, path, depth + 1)
    for path in sorted(packages):
        yield from _lines(path, depth + 1)


def _line(name: str, path: Path, depth: int) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    summary = re.split(r"(?<=[^.])[.:]*(?:\n|$)", docstring, maxsplit=1)[0]
    return f"{'  ' * depth + name:{COLUMN}}{summary}".rstrip()


def main() -> None:
    """Write the tree into the page."""
    text = PAGE.read_text("utf-8")
    if with_tree(text) != text:
        PAGE.write_text(with_tree(text), "utf-8")


if __name__ == "__main__":
    main()
