"""The options of every benchmark, and the code around its run."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import RESULTS, Report
from benchmarks.results import Result

__all__ = ["Options", "main", "options_of", "parser", "run_all", "run_and_report"]

Run = Callable[["Options"], Report]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How thorough to be: ``quick`` is a smoke test whose figures mean nothing; ``full`` takes longer.

    ``only`` names the subjects that take part, if a benchmark can do without the others.
    """

    quick: bool = False
    full: bool = False
    processes: int | None = None
    only: tuple[str, ...] = ()
    output: Path = RESULTS

    def takes(self, name: str) -> bool:
        """Return whether something of this name takes part."""
        return not self.only or any(word.casefold() in name.casefold() for word in self.only)


def parser(description: str | None) -> argparse.ArgumentParser:
    """Make the parser of the options."""
    made = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    made.add_argument("--quick", action="store_true", help="a smoke test; its figures mean nothing")
    made.add_argument("--full", action="store_true", help="the largest sizes too")
    made.add_argument("--processes", type=int, metavar="N", help="fresh interpreters for each comparison")
    made.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="WORD",
        help="of the servers, those whose name has this word in it; may be given again",
    )
    made.add_argument("--output", type=Path, default=RESULTS, metavar="FOLDER", help="where the results go")
    return made


def options_of(given: Mapping[str, Any]) -> Options:
    """Return the options of the parsed arguments."""
    return Options(**{**given, "only": tuple(given["only"])})


def main(
    run: Run,
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
    run_and_report(run, options_of(given))


def _work(work: Callable[..., Any], task: Mapping[str, Any]) -> Any:
    return work(**task)


def run_and_report(run: Run, options: Options) -> None:
    """Run a benchmark, print its Markdown and write its result."""
    run_all([run], options)


def run_all(runs: Iterable[Run], options: Options) -> Path:
    """Run benchmarks in turn, and return the location of the JSON; page and Markdown are next to it.

    The result is written after each of them, so that a failure loses nothing.
    """
    runs = list(runs)
    result = Result(is_quick=options.quick)
    for run in runs:
        started = time.perf_counter()
        report = run(options)
        report.seconds = time.perf_counter() - started
        result.reports.append(report)
        print(report.markdown(), flush=True)
        print(f"{report.name} took {report.seconds:.0f} s", file=sys.stderr, flush=True)
        path = _written(result, options.output, report.name if len(runs) == 1 else "all")
    print(f"{path}\n{path.with_suffix('.html')}", flush=True)
    return path


def _written(result: Result, folder: Path, name: str) -> Path:
    from benchmarks.page import page_of  # workers do not draw: the import takes half a second

    path = folder / result.file_name(name)
    result.write(path)
    path.with_suffix(".md").write_text(result.markdown(), encoding="utf-8")
    path.with_suffix(".html").write_text(page_of(result), encoding="utf-8")
    return path
