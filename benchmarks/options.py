"""The command-line options of the benchmarks, and the code that runs them."""

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
    """The options: ``quick`` is a smoke test whose figures mean nothing, ``full`` adds the largest sizes.

    ``only`` has words; a server takes part if its name contains one of them, or if there are none.
    """

    quick: bool = False
    full: bool = False
    processes: int | None = None
    only: tuple[str, ...] = ()
    output: Path = RESULTS

    def includes(self, name: str) -> bool:
        """Return whether the server of this name takes part."""
        return not self.only or any(word.casefold() in name.casefold() for word in self.only)


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return the parser of the options."""
    options = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    options.add_argument("--quick", action="store_true", help="a smoke test; its figures mean nothing")
    options.add_argument("--full", action="store_true", help="the largest sizes too")
    options.add_argument("--processes", type=int, metavar="N", help="number of fresh interpreters")
    options.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="WORD",
        help="measure only servers whose name contains this word; can be repeated",
    )
    options.add_argument(
        "--output", type=Path, default=RESULTS, metavar="FOLDER", help="where to write the results"
    )
    return options


def options_of(arguments: Mapping[str, Any]) -> Options:
    """Return the options of parsed arguments."""
    return Options(**{**arguments, "only": tuple(arguments["only"])})


def main(
    run: Run,
    work: Callable[..., Any],
    description: str | None,
    arguments: Sequence[str] | None = None,
) -> None:
    """Run a benchmark from the command line, or do the work of one of its processes."""
    options = parser(description)
    options.add_argument("--worker", help=argparse.SUPPRESS)
    parsed = vars(options.parse_args(arguments))
    task = parsed.pop("worker")
    if task is not None:
        print(json.dumps(_work(work, json.loads(task))))
        return
    run_and_report(run, options_of(parsed))


def _work(work: Callable[..., Any], task: Mapping[str, Any]) -> Any:
    return work(**task)


def run_and_report(run: Run, options: Options) -> None:
    """Run one benchmark, print its report and write its result."""
    run_all([run], options)


def run_all(runs: Iterable[Run], options: Options) -> Path:
    """Run benchmarks one after the other, and return the location of the JSON.

    HTML and Markdown are next to it. The result is written after each benchmark, so a failure loses no
    finished report.
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
    from benchmarks.html_report import (
        html_report,  # imported late: it takes half a second, and workers draw nothing
    )

    path = folder / result.file_name(name)
    result.write(path)
    path.with_suffix(".md").write_text(result.markdown(), encoding="utf-8")
    path.with_suffix(".html").write_text(html_report(result), encoding="utf-8")
    return path
