"""The table of rules: each has a test and a row in the documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashserve.check import RULES

PAGE = Path(__file__).parents[2] / "docs/checking.md"


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_has_a_row_in_the_documentation(rule: str) -> None:
    row = f"| `{rule}` | {RULES[rule].level.value} | {RULES[rule].description} |\n"
    assert row in PAGE.read_text(encoding="utf-8")


def test_every_rule_has_a_test() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.rglob("test_*.py"))
    assert [rule for rule in RULES if f'"{rule}"' not in tests] == []


def test_descriptions_are_sentences_and_remedies_are_parts_of_one() -> None:
    for rule in RULES.values():
        assert rule.description[0].isupper()
        assert rule.description.endswith(".")
        assert rule.remedy[0].islower()
        assert not rule.remedy.endswith(".")
