"""The options that every benchmark has, and what happens around its run."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import RESULTS, Report

__all__ = ["Options", "main", "parser", "run_and_report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How thorough to be: ``quick`` is a smoke test whose figures mean nothing; ``full`` takes longer."""

    quick: bool = False
    full: bool = False
    processes: int | None = None
    output: Path = RESULTS


def parser(description: str | None) -> argparse.ArgumentParser:
    """Make the parser of the options."""
    made = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    made.add_argument("--quick", action="store_true", help="a smoke test; its figures mean nothing")
    made.add_argument("--full", action="store_true", help="the largest sizes too")
    made.add_argument("--processes", type=int, metavar="N", help="fresh interpreters for each comparison")
    made.add_argument("--output", type=Path, default=RESULTS, metavar="FOLDER", help="where the JSON goes")
    return made


def main(
    run: Callable[[Options], Report],
    work: Callable[..., Any],
    description: str | None,
    arguments: Sequence[str] | None = None,
) -> None:
    """Run a benchmark from the command line, or as a worker of it."""
    options = parser(description)
    options.add_argument("--worker", help=argparse.SUPPRESS)
    given = vars(options.parse_args(arguments))
    task = given.pop("worker")
    if task is not None:
        print(json.dumps(_work(work, json.loads(task))))
        return
    run_and_report(run, Options(**given))


def _work(work: Callable[..., Any], task: Mapping[str, Any]) -> Any:
    return work(**task)


def run_and_report(run: Callable[[Options], Report], options: Options) -> None:
    """Run a benchmark, print its Markdown and write its JSON."""
    report = run(options)
    report.write(options.output)
    print(report.markdown(), flush=True)
