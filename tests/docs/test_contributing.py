"""CONTRIBUTING.md: its commands exist, and its tree lists the modules."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.tree import PAGE, PROJECT, tree, with_tree

TEXT = PAGE.read_text(encoding="utf-8")
MAKEFILE = (PROJECT / "Makefile").read_text(encoding="utf-8")
WORKFLOW = (PROJECT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
PYPROJECT = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")


def test_the_tree_is_that_of_the_modules() -> None:
    assert with_tree(TEXT) == TEXT, "run `make format`"


def test_every_module_has_a_line_that_says_what_it_owns() -> None:
    assert [line for line in tree().splitlines() if len(line.split()) < 3] == []


def test_a_tree_has_a_line_for_each_package_and_module(tmp_path: Path) -> None:
    for path, summary in {
        "__init__.py": "All.",
        "a.py": "Do a: so.\n\nMore.",
        "b/__init__.py": "Own b.",
    }.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(f'"""{summary}"""\n', encoding="utf-8")
    names_and_texts = [line.split(maxsplit=1) for line in tree(tmp_path).splitlines()]
    assert names_and_texts == [[f"{tmp_path.name}/", "All"], ["a.py", "Do a: so"], ["b/", "Own b"]]


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z-]+)`", TEXT))))
def test_every_target_that_is_named_is_in_the_makefile(target: str) -> None:
    assert re.search(rf"^(?:[a-z-]+ )*{target}(?: [a-z-]+)*:", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize("module", sorted(set(re.findall(r"python -m ((?:tests|benchmarks)[\w.]*)", TEXT))))
def test_every_module_that_is_run_is_there(module: str) -> None:
    location = PROJECT / module.replace(".", "/")
    assert location.with_suffix(".py").is_file() or (location / "__main__.py").is_file()


def test_the_one_test_that_is_run_is_there() -> None:
    path, word = re.findall(r"pytest (tests/\S+) -k (\w+)`", TEXT)[0]
    assert re.search(rf"^def test_\w*{word}", (PROJECT / path).read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("path", sorted(set(re.findall(r"(?:pytest |`)(tests/[\w/]+(?:\.py)?)", TEXT))))
def test_every_path_of_a_test_is_there(path: str) -> None:
    assert (PROJECT / path).exists()


@pytest.mark.parametrize("file", ["Makefile", ".ci/matrix"])
def test_every_test_that_a_command_runs_is_there(file: str) -> None:
    paths = re.findall(r"\btests/[\w/]+\.py", (PROJECT / file).read_text(encoding="utf-8"))
    assert paths
    assert [path for path in paths if not (PROJECT / path).is_file()] == []


def test_every_file_that_the_mutation_tool_is_configured_with_is_there() -> None:
    section = PYPROJECT.partition("[tool.mutmut]")[2].partition("\n[")[0]
    paths = re.findall(r'[="]((?:hashserve|tests)/[\w/*]+(?:\.py)?)', section)
    assert len(paths) > 10
    assert [path for path in paths if not [*PROJECT.glob(path)]] == []


def test_continuous_integration_runs_the_same_command_on_every_python() -> None:
    assert "run: .ci/run" in WORKFLOW
    assert (PROJECT / ".ci/run").read_text(encoding="utf-8").rstrip().endswith("make test")
    classified = re.findall(r"Programming Language :: Python :: (3\.\d+)", PYPROJECT)
    matrix = re.search(r"python: \[(.+)\]", WORKFLOW)
    assert matrix is not None
    assert re.findall(r'"(3\.\d+)"', matrix[1]) == classified


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("Serve a range past the end as 416\n\nRFC 9110 says so.\n", ""),
        ("Serve a range past the end as 416\n\n# a comment of git\nRFC 9110 says so.\n", ""),
        ("Merge branch 'main'\n", ""),
        (f"{'a' * 73}\n\nWhy.\n", "has 73 characters"),
        ("Serve ranges.\n\nWhy.\n", "ends with a full stop"),
        ("Serve ranges\nWhy.\n", "blank line"),
        ("Serve ranges\n", "body"),
        ("Serve ranges\n\n# a comment of git\n", "body"),
        ("\n", "body"),
    ],
)
def test_a_commit_message_has_a_short_subject_and_a_body(message: str, problem: str, tmp_path: Path) -> None:
    file = tmp_path / "message"
    file.write_text(message, encoding="utf-8")
    done = subprocess.run([PROJECT / ".ci/commit-message", file], capture_output=True, text=True, check=False)
    assert problem in done.stderr
    assert (done.returncode == 0) is (problem == "")


def test_the_changelog_has_a_section_for_the_version_of_the_package() -> None:
    changelog = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"$', PYPROJECT, re.MULTILINE)
    assert version is not None
    sections = re.findall(r"^## \[(.+)\](?: - \d{4}-\d\d-\d\d)?$", changelog, re.MULTILINE)
    assert sections[:2] == ["Unreleased", version[1]]
    assert all(f"\n[{name}]: https://" in changelog for name in sections)
