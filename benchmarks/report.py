"""Reports: what a run found, as JSON for machines and as Markdown for people.

Law: the JSON holds every sample, so whoever doubts a figure can make it again; a figure in the
Markdown is derived from those samples and stands beside its spread.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.harness import PROJECT, Series, Summary

__all__ = ["RESULTS", "Report", "Target", "at_least", "at_most", "machine", "markdown_table", "quantity"]

RESULTS = PROJECT / "benchmarks" / "results"
"""Where results are written unless told otherwise; not under version control."""

_DISTRIBUTIONS = ("hashserve", "whitenoise", "brotli", "Django")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Something that this project has set itself: what, how much, and what came of it."""

    name: str
    limit: str
    found: str
    is_met: bool


def at_least(name: str, found: Summary, limit: float, unit: str = "x") -> Target:
    """State a target that a median must reach."""
    return Target(
        name=name,
        limit=f"at least {limit:g}{unit}",
        found=quantity(found, unit),
        is_met=found.median >= limit,
    )


def at_most(name: str, found: Summary, limit: float, unit: str = "x") -> Target:
    """State a target that a median must not exceed."""
    return Target(
        name=name,
        limit=f"at most {limit:g}{unit}",
        found=quantity(found, unit),
        is_met=found.median <= limit,
    )


def quantity(summary: Summary, unit: str, *, per_unit: float = 1.0) -> str:
    """Write a median and its spread for a table; ``per_unit`` is how much of the value a unit is."""
    median = summary.median / per_unit
    digits = 0 if abs(median) >= 1000 else 1 if abs(median) >= 100 else 2 if abs(median) >= 1 else 3
    return f"{median:,.{digits}f}{unit} ± {summary.spread * 100:.0f} %"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table whose columns are aligned in plain text too."""
    cells = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = ["| " + " | ".join(map(str.ljust, row, widths)) + " |" for row in cells]
    lines.insert(1, "| " + " | ".join("-" * width for width in widths) + " |")
    return "\n".join(lines)


@dataclass(kw_only=True)
class Report:
    """One run of one benchmark. ``tables`` are titles and Markdown; ``facts`` go into the JSON alone."""

    name: str
    settings: Mapping[str, Any]
    series: Series = field(default_factory=Series)
    tables: list[tuple[str, str]] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    machine: dict[str, Any] = field(default_factory=lambda: machine())

    def write(self, folder: Path) -> Path:
        """Write the JSON; gives where."""
        folder.mkdir(parents=True, exist_ok=True)
        created = datetime.now(timezone.utc)
        path = folder / f"{self.name}-{created:%Y%m%dT%H%M%SZ}.json"
        document = {
            "benchmark": self.name,
            "created": created.isoformat(timespec="seconds"),
            **self.machine,
            "settings": dict(self.settings),
            "facts": self.facts,
            "notes": self.notes,
            "targets": [asdict(target) for target in self.targets],
            "samples": self.series.documents(),
        }
        path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        return path

    def markdown(self) -> str:
        """Give everything that a person wants to know."""
        parts = [f"## {self.name}", self._heading()]
        for title, table in self.tables:
            parts += [f"### {title}", table]
        if self.targets:
            parts += ["### Targets", self._target_table()]
        parts += [f"- {note}" for note in self.notes]
        return "\n\n".join(parts) + "\n"

    def _heading(self) -> str:
        versions = ", ".join(f"{name} {version}" for name, version in self.machine["versions"].items())
        description = self.machine["machine"]["description"]
        return f"{description}; {versions}. Medians; ± is half the interquartile range."

    def _target_table(self) -> str:
        rows = [
            (target.name, target.limit, target.found, "met" if target.is_met else "NOT MET")
            for target in self.targets
        ]
        return markdown_table(("target", "limit", "found", ""), rows)


def machine() -> dict[str, Any]:
    """Tell what the figures depend on: the machine, the interpreter, the versions, the commit."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    python = f"{platform.python_implementation()} {platform.python_version()}"
    processor = _processor()
    return {
        "machine": {
            "description": f"{processor}, {cores} cores, {platform.system()}, {python}",
            "processor": processor,
            "cores": cores,
            "system": f"{platform.system()} {platform.release()}",
            "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
            "python": sys.version,
        },
        "versions": {name: version for name in _DISTRIBUTIONS if (version := _version(name))},
        "commit": _commit(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Give the commit, with a plus where the tree differs from it."""
    try:
        commit = _git("rev-parse", "HEAD")
        return f"{commit}+" if _git("status", "--porcelain", "hashserve") else commit
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
