"""The steps between releases as text."""

from __future__ import annotations

import re
from pathlib import Path

from hashserve.cli.release_steps import step_table
from hashserve.dictionary_files import WHY_NOT_DICTIONARY
from hashserve.release_steps import WHY_NO_DELTA, ChangedFile, ReleaseStep


def step(*files: ChangedFile, older: str = "r0") -> ReleaseStep:
    return ReleaseStep(older=older, newer="now", created=0, files=files)


def changed(number: int, delta: int | None = None, why: str = "") -> ChangedFile:
    return ChangedFile(f"{number}.js", f"{number}.0a1b2c3d4e5f.js", 30_000, delta, why)


def test_a_table_has_aligned_columns_and_a_dash_for_what_is_not_there() -> None:
    lines = [line for _, line in step_table([step(changed(1, 300)), step(older="")])]
    assert lines[1:] == [
        "  from  to   files  deltas  without deltas  with deltas  share",
        "  r0    now      1       1         30.0 kB        300 B   1.0%",
        "  -     now      0       0             0 B          0 B      -",
    ]


def test_the_documentation_has_the_head_of_the_table_and_each_reason() -> None:
    page = (Path(__file__).parents[2] / "docs/building.md").read_text(encoding="utf-8")
    section = page[page.index("### What a returning visitor") : page.index("### A file replaces")]
    (_, (_, head), *_) = step_table([step()])
    assert f"| {' | '.join(re.split('  +', head.strip()))} |\n" in section
    rows = re.findall(r"^\| (`.+?) \| (.+) \|$", section, re.MULTILINE)
    meanings = {name: meaning for names, meaning in rows for name in re.findall("`(.+?)`", names)}
    del meanings["why_no_delta"]
    assert meanings.keys() == WHY_NO_DELTA.keys()
    others = {name: WHY_NO_DELTA[name] for name in meanings if name not in WHY_NOT_DICTIONARY}
    assert {name: meanings[name] for name in others} == others


def test_a_long_list_of_files_without_a_delta_is_cut() -> None:
    lines = [line for _, line in step_table([step(*(changed(number, why="new") for number in range(13)))])]
    assert lines[-1] == "    and 3 more; --json lists them all"
    assert sum(".js" in line for line in lines) == 10


def test_no_step_has_no_table() -> None:
    assert list(step_table([])) == []
