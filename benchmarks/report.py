"""Reports: the samples of one benchmark, and the conclusions from them.

Invariant: a report holds every sample, so every figure can be computed again; each figure in its tables has
its spread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.harness import PROJECT, Series, Summary

__all__ = ["RESULTS", "Report", "Target", "at_least", "at_most", "markdown_table", "quantity"]

RESULTS = PROJECT / "benchmarks" / "results"
"""Where results are written unless told otherwise; not under version control."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A target of this project: its name, its limit, and what was found."""

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


def quantity(summary: Summary, unit: str, *, per_unit: float = 1.0) -> str:
    """Return a median and its spread for a table; ``per_unit`` is the value of one unit.

    A single value has no spread; the text says "once".
    """
    median = summary.median / per_unit
    digits = 0 if abs(median) >= 1000 else 1 if abs(median) >= 100 else 2 if abs(median) >= 1 else 3
    spread = f" ± {summary.spread * 100:.0f} %" if summary.count > 1 else ", once"
    return f"{median:,.{digits}f}{unit}{spread}"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table whose columns are aligned in plain text too."""
    cells = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in cells]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


@dataclass(kw_only=True)
class Report:
    """The report of one benchmark. ``tables`` are titles and Markdown; ``facts`` are in no table.

    ``seconds`` is its duration by the clock.
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
        """Return everything for JSON."""
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
        """Return the report of a document."""
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
        """Return everything for a reader, as Markdown."""
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
