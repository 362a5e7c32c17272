"""The report of one benchmark: its samples, and the tables, targets and notes made from them.

Invariant: a report has every sample, so every figure can be computed again. Each measured figure in a table
has its spread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.harness import PROJECT, Series, Summary

__all__ = [
    "RESULTS",
    "Report",
    "Target",
    "at_least",
    "at_most",
    "markdown_table",
    "quantity",
    "share_at_most",
]

RESULTS = PROJECT / "benchmarks" / "results"
"""The default folder of results; it is not under version control."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A target of this project: its name, its limit, and the value found."""

    name: str
    limit: str
    found: str
    is_met: bool


def at_least(name: str, found: Summary, limit: float, unit: str = "x") -> Target:
    """Return a target that a median must reach."""
    return Target(
        name=name,
        limit=f"at least {limit:g}{unit}",
        found=quantity(found, unit),
        is_met=found.median >= limit,
    )


def at_most(name: str, found: Summary, limit: float, unit: str = "x") -> Target:
    """Return a target that a median must not exceed."""
    return Target(
        name=name,
        limit=f"at most {limit:g}{unit}",
        found=quantity(found, unit),
        is_met=found.median <= limit,
    )


def share_at_most(name: str, part: float, whole: float, limit: float) -> Target:
    """Return a target that one number must not exceed this share of another."""
    return Target(
        name=name, limit=f"at most {limit:g}x", found=f"{part / whole:.3f}x", is_met=part <= limit * whole
    )


def quantity(summary: Summary, unit: str, *, per_unit: float = 1.0) -> str:
    """Return a median and its spread as text; ``per_unit`` is the size of the unit.

    A single value has no spread, so its text ends with "once".
    """
    median = summary.median / per_unit
    digits = 0 if abs(median) >= 1000 else 1 if abs(median) >= 100 else 2 if abs(median) >= 1 else 3
    spread = f" ± {summary.spread * 100:.0f} %" if summary.count > 1 else ", once"
    return f"{median:,.{digits}f}{unit}{spread}"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table whose columns are aligned in the source too."""
    cells = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in cells]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


@dataclass(kw_only=True)
class Report:
    """The report of one benchmark.

    ``tables`` are pairs of title and Markdown; ``facts`` are other values from which tables are made;
    ``seconds`` is the duration of the benchmark.
    """

    name: str
    settings: Mapping[str, Any]
    series: Series = field(default_factory=Series)
    tables: list[tuple[str, str]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def document(self) -> dict[str, Any]:
        """Return the whole report for JSON."""
        return {
            "name": self.name,
            "seconds": round(self.seconds, 1),
            "settings": dict(self.settings),
            "facts": self.facts,
            "notes": self.notes,
            "tables": [list(table) for table in self.tables],
            "targets": [asdict(target) for target in self.targets],
            "samples": self.series.documents(),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Report:
        """Read a report from JSON."""
        return cls(
            name=document["name"],
            seconds=document["seconds"],
            settings=document["settings"],
            facts=document["facts"],
            notes=document["notes"],
            tables=[(title, table) for title, table in document["tables"]],
            targets=[Target(**target) for target in document["targets"]],
            series=Series.from_documents(document["samples"]),
        )

    def markdown(self) -> str:
        """Return tables, targets and notes as Markdown."""
        parts = [f"## {self.name}"]
        for title, table in self.tables:
            parts += [f"### {title}", table]
        if self.targets:
            parts += ["### Targets", self._target_table()]
        parts += ["\n".join(f"- {note}" for note in self.notes)] if self.notes else []
        return "\n\n".join(parts) + "\n"

    def _target_table(self) -> str:
        rows = [
            (target.name, target.limit, target.found, "met" if target.is_met else "NOT MET")
            for target in self.targets
        ]
        return markdown_table(("target", "limit", "found", ""), rows)
