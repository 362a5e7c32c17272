"""The result of a run of one benchmark or all, as JSON.

Invariant: a result is complete. It has the machine, the versions, the commit, every sample and every table.
The HTML, a comparison and the README's figures need nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.report import Report

__all__ = ["Result", "ResultError"]

SCHEMA = 2
SMOKE_TEST_WARNING = "\n**This was a smoke test: its figures mean nothing.**"


class ResultError(Exception):
    """A file is not a result or cannot be read, or the result lacks data."""


@dataclass(kw_only=True)
class Result:
    """The reports of one run; ``about`` has machine, versions and commit.

    ``created`` is a time in UTC in ISO format; ``is_quick`` marks a smoke test.
    """

    reports: list[Report] = field(default_factory=list)
    created: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="seconds"))
    about: Mapping[str, Any] = field(default_factory=machine)
    is_quick: bool = False

    def report(self, name: str) -> Report | None:
        """Return the report of a benchmark; None if it did not run."""
        return next((report for report in self.reports if report.name == name), None)

    def document(self) -> dict[str, Any]:
        """Return the whole result for JSON."""
        return {
            "schema": SCHEMA,
            "created": self.created,
            "is_quick": self.is_quick,
            **self.about,
            "benchmarks": [report.document() for report in self.reports],
        }

    def write(self, path: Path) -> None:
        """Write the JSON with one line for each list of values, so that a diff is readable."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_dumped(self.document()) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Result:
        """Read a result. Raises `ResultError`."""
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            if document["schema"] != SCHEMA:
                raise ResultError(f"{path} is of schema {document['schema']}, not {SCHEMA}: measure again")
            return cls(
                reports=[Report.from_document(report) for report in document["benchmarks"]],
                created=document["created"],
                is_quick=document["is_quick"],
                about={name: document[name] for name in ("machine", "versions", "commit")},
            )
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise ResultError(f"{path} is not a result of `python -m benchmarks`: {error!r}") from error

    def file_name(self, name: str) -> str:
        """Return a file name with the time of the run: ``NAME-20300102T030405Z.json``."""
        return f"{name}-{datetime.fromisoformat(self.created):%Y%m%dT%H%M%SZ}.json"

    def heading(self) -> str:
        """Return machine, versions, commit and duration as Markdown."""
        versions = ", ".join(f"{name} {version}" for name, version in self.about["versions"].items())
        seconds = sum(report.seconds for report in self.reports)
        duration = f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
        load = self.about["machine"].get("load")
        load_text = f"; load before: {', '.join(f'{value:.1f}' for value in load)}" if load else ""
        return (
            f"{self.about['machine']['description']}. {versions}.\n"
            f"Commit {(self.about['commit'] or 'unknown')[:12]}; {self.created}; "
            f"took {duration}{load_text}.\n"
            "Each figure is a median; ± is the interval that contains the median in 19 of 20 runs."
            f"{SMOKE_TEST_WARNING * self.is_quick}"
        )

    def markdown(self) -> str:
        """Return heading and reports as Markdown."""
        reports = (report.markdown() for report in self.reports)
        return "\n".join(["# Benchmarks\n", self.heading() + "\n", *reports])


def _dumped(value: Any, indent: str = "") -> str:
    """Return JSON with one line for each item, but a list of numbers on one line."""
    inner = indent + " "
    if isinstance(value, Mapping) and value:
        lines = (f"{json.dumps(key)}: {_dumped(item, inner)}" for key, item in value.items())
        return _lines("{}", lines, indent)
    if isinstance(value, Sequence) and not isinstance(value, str) and not _is_plain(value):
        return _lines("[]", (_dumped(item, inner) for item in value), indent)
    return json.dumps(value)


def _lines(brackets: str, items: Iterable[str], indent: str) -> str:
    lines = f",\n{indent} ".join(items)
    return f"{brackets[0]}\n{indent} {lines}\n{indent}{brackets[1]}"


def _is_plain(values: Sequence[Any]) -> bool:
    """Return whether a list contains only numbers and lists of numbers."""
    return all(
        isinstance(item, (int, float)) or (isinstance(item, (list, tuple)) and _is_plain(item))
        for item in values
    )
