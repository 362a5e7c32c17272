"""The list of skipped tests at the end of a run: by missing part of the system, and by other reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import pytest

from tests.support.parts import PartMissing
from tests.support.system_parts import PARTS, absence, is_in_distribution

__all__ = ["lines", "note_part"]

_PROPERTY = "missing part"
"""The property of a report that names the part; pytest-xdist carries it from its workers."""


def note_part(report: pytest.TestReport, call: pytest.CallInfo[None]) -> None:
    """Note in a report the part whose absence skipped the test."""
    if call.excinfo is not None and isinstance(call.excinfo.value, PartMissing):
        report.user_properties.append((_PROPERTY, call.excinfo.value.part))


def lines(skipped: Iterable[pytest.TestReport]) -> Iterator[str]:
    """Yield what to print of skipped tests; nothing if there are none."""
    parts: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for report in skipped:
        part = dict(report.user_properties).get(_PROPERTY)
        if isinstance(part, str):
            parts[part] += 1
        else:
            others[_reason(report)] += 1
    here = {name: count for name, count in parts.items() if is_in_distribution(PARTS[name])}
    if here:
        yield "These parts of the system are missing; `make system-packages` installs them:"
        yield from map(_line, here.items())
    elsewhere = {name: count for name, count in parts.items() if name not in here}
    if elsewhere:
        yield "This distribution has no package of these:"
        yield from map(_line, elsewhere.items())
    if others:
        yield "Tests were skipped for other reasons:"
        yield from (f"  {_tests(count)}: {reason}" for reason, count in others.most_common())


def _line(item: tuple[str, int]) -> str:
    name, count = item
    part = PARTS[name]
    return f"  {name} ({part.purpose}): {_tests(count)} skipped; {absence(part)}"


def _reason(report: pytest.TestReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


def _tests(count: int) -> str:
    return "1 test" if count == 1 else f"{count} tests"
