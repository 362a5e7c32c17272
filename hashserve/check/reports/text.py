"""A report as lines of text, for people.

Invariant: the last line says whether anything is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hashserve.check.findings import CheckFinding
from hashserve.check.report import CheckReport
from hashserve.check.reports.dictionaries import dictionary_lines
from hashserve.check.rule_table import RULES, Level
from hashserve.visible_text import visible

__all__ = ["text_lines"]

_SHOWN_PER_RULE = 20


def text_lines(
    report: CheckReport, seconds: float, *, quiet: bool = False, lists_dictionaries: bool = False
) -> Iterator[tuple[str, str]]:
    """Yield each line of a report after its style, which is a level, "right" or "".

    Findings are grouped by rule, the worst first. The first 20 of each rule are shown. With ``quiet``, the
    lines are those of errors only, without the last line. With ``lists_dictionaries``, each file has a line
    that says whether it is a dictionary.
    """
    for level in Level:
        if quiet and level is not Level.ERROR:
            return
        for rule in RULES.values():
            group = [item for item in report.findings if item.rule == rule.id]
            if group and rule.level is level:
                yield level.value, f"{level.value}: {rule.description} [{rule.id}]"
                yield from _group(group)
                yield "", f"  -> {rule.remedy}"
                yield "", ""
    if report.gone:
        number = sum(count for _, count in report.gone)
        yield "note", f"{_counted(number, 'known finding')} not found any more; write the baseline again"
    for pattern in report.acceptance.idle:
        yield "note", f"the pattern {visible(pattern)} accepts nothing; remove it"
    if report.grades:
        yield from dictionary_lines(report.grades, lists_them=lists_dictionaries)
    yield _verdict(report, seconds)


def _group(group: Sequence[CheckFinding]) -> Iterator[tuple[str, str]]:
    for item in group[:_SHOWN_PER_RULE]:
        yield "", f"  {item.place}: {visible(item.message)}"
    if len(group) > _SHOWN_PER_RULE:
        yield "", f"  and {len(group) - _SHOWN_PER_RULE} more; --json lists them all"


def _verdict(report: CheckReport, seconds: float) -> tuple[str, str]:
    counts = {level: report.count(level) for level in Level}
    found = ", ".join(_counted(number, level.value) for level, number in counts.items() if number)
    style = next((level.value for level, number in counts.items() if number), "right")
    deltas = f"{_counted(report.deltas, 'delta')}, " if report.deltas else ""
    what = (
        f"{_counted(report.files, 'file')}, {_counted(report.variants, 'variant')}, {deltas}"
        f"{_counted(report.releases, 'release')}"
    )
    if report.accepted:
        found = f"{found or 'nothing new is wrong'}; {len(report.accepted):,} accepted"
    return style, f"{what} checked in {seconds:.1f} s: {found or 'nothing is wrong'}"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
