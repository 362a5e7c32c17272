from __future__ import annotations

from collections import Counter

from hashserve.builder import BuildFinding, BuildReport
from hashserve.cli.summary import SHOWN_PER_KIND, summary


def test_a_summary_has_a_line_for_each_kind_of_fact() -> None:
    report = BuildReport(
        release="0123456789ab",
        files=1,
        source_bytes=1500,
        written=3,
        reused=4,
        rewritten_references=1,
        coded_bytes=Counter(br=250),
        coded_source_bytes=Counter(br=1000),
        retained_releases=2,
        retained_files=5,
        changed_files=9,
        changed_bytes=600,
        changed_bytes_with_deltas=20,
        seconds=1.25,
        findings=[
            BuildFinding(kind="missing-reference", path="a.css", message="is wrong", line=3, column=4),
            BuildFinding(kind="missing-reference", path="a.js", message="is of no consequence", quiet=True),
            BuildFinding(kind="delta", path="a.bin", message="has no delta", quiet=True),
        ],
    )
    assert summary(report, "out").splitlines() == [
        "1 file, 1.5 kB, built in 1.2 s into out",
        "  3 written, 4 unchanged, 1 reference rewritten",
        "  br    250 B instead of 1.0 kB, 75% saved",
        "  2 older releases still served, with 5 files of their own",
        "  9 new or changed files: a visitor of the last release downloads 20 B with deltas, 600 B without",
        "  release 0123456789ab is in force",
        "1 warning:",
        "  a.css:3:4: is wrong",
        "1 source map that no page loads is missing; --json lists them",
        "1 delta is not made, because the file is large; --json lists them",
    ]


def test_a_summary_shows_some_findings_of_each_kind_and_counts_the_rest() -> None:
    missing = [
        BuildFinding(kind="missing-reference", path=f"{number}.css", message="x") for number in range(1000)
    ]
    findings = [*missing, BuildFinding(kind="skipped", path="last\n", message="is shown all the same")]
    lines = summary(BuildReport(findings=findings), "out").splitlines()
    assert lines[3] == "1,001 warnings:"
    assert len(lines) == 4 + SHOWN_PER_KIND + 2
    assert lines[-2:] == [
        "  and 980 more like these; --json lists them all",
        "  last\\n: is shown all the same",
    ]


def test_the_summary_of_an_unchanged_build_says_that_there_was_nothing_to_write() -> None:
    lines = summary(BuildReport(files=2, reused=6), "out").splitlines()
    assert lines[1] == "  nothing to write, 6 unchanged, 0 references rewritten"
