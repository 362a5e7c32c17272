"""Public names exist, and the package exports these and no others: the rest is for ruff and mypy."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import hashserve

PACKAGE = Path(hashserve.__file__).parent


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_only_a_docstring(tree: ast.Module) -> bool:
    return all(isinstance(node, ast.Expr) for node in tree.body)


TREES = {dotted(path): ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
MODULES = [
    name for name, tree in TREES.items() if not name.endswith(".__main__") and not is_only_a_docstring(tree)
]
every_module = pytest.mark.parametrize("name", MODULES)


def public_names(name: str) -> list[str]:
    for node in TREES[name].body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            names = ast.literal_eval(node.value)
            assert type(names) is list
            return names
    pytest.fail(f"{name} has no __all__")


@every_module
def test_every_public_name_exists(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__all__ == public_names(name)
    for public in module.__all__:
        assert not public.startswith("_"), public
        assert hasattr(module, public), public


def test_no_two_classes_of_the_package_share_a_name() -> None:
    names = [
        node.name for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    ]
    names = [name for name in names if name != "Command"]  # Django finds its commands by this name
    assert [name for name, count in Counter(names).items() if count > 1] == []


@pytest.mark.parametrize("name", sorted({*hashserve.__all__} - {"build"}))
def test_a_name_of_the_package_is_that_of_the_module_that_defines_it(name: str) -> None:
    public = getattr(hashserve, name)
    origin = importlib.import_module(public.__module__)
    assert origin.__name__.startswith("hashserve.")
    assert name in origin.__all__
    assert getattr(origin, name) is public


def test_build_is_a_function_and_the_module_of_that_name(tmp_path: Path) -> None:
    """Both work, in any order of the imports."""
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "app.css").write_text("a { color: red }")
    code = (
        "import sys, hashserve; hashserve.build(sys.argv[1], sys.argv[2]);"
        " from hashserve.build import BuildSettings, build; from hashserve.build.check import check;"
        " import hashserve.builder, hashserve.check;"
        " assert build is hashserve.builder.build and check is hashserve.check.check;"
        " print(hashserve.build(sys.argv[1], sys.argv[2], BuildSettings(keep=5)).files)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "assets", tmp_path / "static"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.split() == ["1"]


def test_the_package_imports_its_public_names_and_no_others() -> None:
    imported = {
        alias.asname or alias.name
        for node in ast.walk(TREES["hashserve"])
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("hashserve.")
        for alias in node.names
    }
    assert imported == set(hashserve.__all__)


def test_dir_lists_every_name_and_an_unknown_name_is_an_error() -> None:
    code = "import hashserve; print(*dir(hashserve)); print(hashserve.HashServe, hashserve.none)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert set(hashserve.__all__) <= set(done.stdout.split())
    assert "AttributeError: module 'hashserve' has no attribute 'none'" in done.stderr


def test_star_imports_the_public_names() -> None:
    code = "from hashserve import *; print(*dir())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert {name for name in done.stdout.split() if not name.startswith("_")} == set(hashserve.__all__)


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()
