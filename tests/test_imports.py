"""What import-linter's contracts (pyproject.toml) cannot say about imports."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import grimp

PYPROJECT = (Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8")
DEPENDENCIES = {"backports", "brotli", "compression", "whitenoise"}
TYPES_ONLY = {"typing_extensions"}


def test_every_import_is_of_a_dependency_or_protected_by_a_contract() -> None:
    graph = grimp.build_graph("hashserve", include_external_packages=True, cache_dir=None)
    packages = {module for module in graph.modules if graph.is_module_squashed(module)}
    contracts = re.findall(r"^protected_modules = \[(.+)\]$", PYPROJECT, re.MULTILINE)
    protected = {name for names in contracts for name in re.findall(r'"(\w+)"', names)}
    assert {"django", "rich"} <= protected
    assert packages - sys.stdlib_module_names - {"hashserve"} - protected - TYPES_ONLY <= DEPENDENCIES


def test_a_server_loads_nothing_of_the_build_and_no_framework() -> None:
    code = "import sys; from hashserve import HashServe; print(*sys.modules, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert "hashserve.gateways.wsgi" in loaded
    unwanted = ("hashserve.builder", "hashserve.check", "hashserve.cli", "hashserve.django")
    assert not [name for name in loaded if name.startswith(unwanted)]
    packages = {name.partition(".")[0] for name in loaded}
    assert packages.isdisjoint(
        {"django", "flask", "tree_sitter", "rich", "xxhash", "boto3", "asyncio", "unittest"}
    )
