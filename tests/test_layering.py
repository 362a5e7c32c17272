"""One direction: from the build to the manifest to serving, and nobody looks back."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hashserve

PACKAGE = Path(hashserve.__file__).parent

# Each layer, and which others it may import beside itself; a module is in the first that fits it.
LAYERS: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "serve": (("hashserve.serve",), {"ground"}),
    "build": (("hashserve.builder",), {"ground"}),
    "management": (
        ("hashserve.django.management",),
        {"ground", "serve", "build", "wsgi", "public", "django", "command"},
    ),
    "django": (("hashserve.django",), {"ground", "serve", "build", "wsgi", "public"}),
    "wsgi": (("hashserve.gateways.wsgi", "hashserve.asgi"), {"ground", "serve"}),
    "metrics": (("hashserve.prometheus",), {"ground", "serve"}),
    "command": (("hashserve.cli.main", "hashserve.__main__"), {"ground", "serve", "build", "wsgi", "public"}),
    "public": (("hashserve.__init__",), {"ground", "wsgi"}),
    "ground": (("hashserve.",), set()),
}

# What is there without any extra: the standard library and the project's own dependencies.
BASE = {*sys.stdlib_module_names, "hashserve", "whitenoise", "brotli", "backports", "compression"}
TYPES_ONLY = {"_typeshed"}


def modules() -> dict[str, Path]:
    """Give every module of the package by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        is_nested_package = parts[-1] == "__init__" and len(parts) > 2
        found[".".join(parts[:-1] if is_nested_package else parts)] = path
    return found


MODULES = modules()
every_module = pytest.mark.parametrize("module", MODULES)


def layer_of(module: str) -> str:
    for layer, (starts, _) in LAYERS.items():
        for start in starts:
            if module == start or module.startswith((f"{start}.", f"{start}_")) or start.endswith("."):
                return layer
    raise AssertionError(module)


def imports_of(module: str) -> Iterator[str]:
    """Give the dotted name of everything that a module imports, wherever in its text."""
    for node in ast.walk(ast.parse(MODULES[module].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = _absolute(module, node)
            for alias in node.names:
                name = f"{start}.{alias.name}"
                yield name if name in MODULES else start


def _absolute(module: str, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    is_package = MODULES[module].name == "__init__.py"
    parts = module.removesuffix(".__init__").split(".")
    kept = parts[: len(parts) - node.level + is_package]
    return ".".join([*kept, *([node.module] if node.module else [])])


def ours(name: str) -> bool:
    return name.partition(".")[0] == "hashserve"


@every_module
def test_a_module_imports_only_the_layers_below_it(module: str) -> None:
    layer = layer_of(module)
    allowed = {layer, *LAYERS[layer][1]}
    for name in filter(ours, imports_of(module)):
        target = "hashserve.__init__" if name == "hashserve" else name
        assert layer_of(target) in allowed, f"{module} ({layer}) imports {name} ({layer_of(target)})"


@every_module
def test_what_serves_needs_no_extra(module: str) -> None:
    if layer_of(module) in {"build", "django", "command", "management", "metrics"}:
        return
    packages = {name.partition(".")[0] for name in imports_of(module)}
    assert packages <= BASE | TYPES_ONLY


@every_module
def test_only_the_django_side_imports_django(module: str) -> None:
    packages = {name.partition(".")[0] for name in imports_of(module)}
    assert "django" not in packages or layer_of(module) in {"django", "management"}


def test_nothing_below_the_adapters_knows_of_the_gateway_protocol() -> None:
    for module in MODULES:
        if layer_of(module) in {"ground", "serve", "build"}:
            names = set(imports_of(module))
            assert names.isdisjoint({"wsgiref.types", "_typeshed.wsgi", "wsgiref.handlers"}), module


@pytest.mark.parametrize(
    ("module", "layer"),
    [
        ("hashserve.__init__", "public"),
        ("hashserve.manifest.model", "ground"),
        ("hashserve.manifest.importers", "ground"),
        ("hashserve.http.codings", "ground"),
        ("hashserve.gateways.wsgi", "wsgi"),
        ("hashserve.gateways.wsgi_bodies", "wsgi"),
        ("hashserve.serve", "serve"),
        ("hashserve.serve.site", "serve"),
        ("hashserve.builder.pipeline", "build"),
        ("hashserve.builders", "ground"),
        ("hashserve.django.storages", "django"),
        ("hashserve.cli.main", "command"),
        ("hashserve.prometheus", "metrics"),
        ("hashserve.__main__", "command"),
    ],
)
def test_a_module_is_in_its_layer(module: str, layer: str) -> None:
    assert layer_of(module) == layer


def test_the_imports_of_a_module_are_all_seen() -> None:
    seen = set(imports_of("hashserve.gateways.wsgi"))
    assert {"os", "typing", "_typeshed.wsgi", "hashserve.errors", "hashserve.serve.site"} <= seen
    assert set(imports_of("hashserve.__init__")) >= {"hashserve.manifest.model", "hashserve.gateways.wsgi"}


def test_a_server_loads_nothing_of_the_build_and_no_framework() -> None:
    code = "import sys; from hashserve import HashServe; print(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert "hashserve.gateways.wsgi" in loaded
    assert not [name for name in loaded if name.startswith(("hashserve.builder", "hashserve.cli.main"))]
    packages = {name.partition(".")[0] for name in loaded}
    assert packages.isdisjoint({"django", "flask", "tree_sitter", "rich", "boto3", "asyncio", "unittest"})
