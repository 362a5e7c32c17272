"""SECURITY.md: each test that it names exists, and each promise names one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "SECURITY.md").read_text(encoding="utf-8")
PROMISES = PAGE.partition("| promise | proof |\n| --- | --- |\n")[2].partition("\n\n")[0].splitlines()
PROOFS = sorted(set(re.findall(r"`(tests/[a-z_/]+\.py)::(test_[a-z0-9_]+)`", PAGE)))


def test_every_promise_names_its_proof() -> None:
    assert len(PROMISES) >= 10
    assert all(re.search(r"\| `tests/[^|]+` \|$", line) for line in PROMISES)


@pytest.mark.parametrize(("path", "name"), PROOFS)
def test_every_proof_is_a_test_that_is_there(path: str, name: str) -> None:
    tree = ast.parse((PROJECT / path).read_text(encoding="utf-8"))
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_contact_is_one_of_the_packages_metadata() -> None:
    contacts = re.findall(r"<(https://\S+|[\w.+-]+@[\w.-]+)>", PAGE.partition("## ")[0])
    urls = re.findall(
        r'^\w+ = "(https://\S+)"$', (PROJECT / "pyproject.toml").read_text("utf-8"), re.MULTILINE
    )
    assert contacts
    assert set(contacts) <= set(urls)
