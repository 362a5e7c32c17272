"""``python -m benchmarks``: run every benchmark, or work with a result.

::

    python -m benchmarks                  # run all of them
    python -m benchmarks compare A B      # the ratios that differ by more than the spreads of both results
    python -m benchmarks page RESULT      # make the tables and the page again from the samples of a result
    python -m benchmarks readme RESULT    # write the figures of a result into README and docs
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import (
    browser,
    build,
    comparison,
    deltas,
    django_request,
    publication,
    request_cost,
    servers,
    start,
)
from benchmarks.analysis import analysed
from benchmarks.options import Options, options_of, parser, run_all
from benchmarks.report import Report
from benchmarks.results import Result, ResultError

ALL = (request_cost.run, django_request.run, servers.run, start.run, build.run, deltas.run, browser.run)


def build_once(options: Options) -> Report:
    """Build everything once, because WhiteNoise's build takes a minute and all benchmarks half an hour."""
    return build.run(replace(options, processes=options.processes or 1))


RUNS = tuple(build_once if each is build.run else each for each in ALL)


def main(arguments: Sequence[str]) -> int:
    """Run a command, and return the exit code."""
    name, *rest = arguments or ("run",)
    if name not in COMMANDS:
        return run(arguments)
    try:
        return COMMANDS[name](rest)
    except (ResultError, publication.PublicationError) as error:
        print(error, file=sys.stderr)
        return 1


def run(arguments: Sequence[str]) -> int:
    """Run all benchmarks, one after the other."""
    options = parser(__doc__)
    run_all(RUNS, options_of(vars(options.parse_args(arguments))))
    return 0


def show_differences(arguments: Sequence[str]) -> int:
    """Print the differences between two results, and return 1 if there are any."""
    if len(arguments) != 2:
        return _usage("compare A B")
    first, second = (Result.load(Path(name)) for name in arguments)
    print(comparison.comparison_text(first, second))
    return int(any(each.is_judged and each.differs for each in comparison.comparisons(first, second)))


def make_page(arguments: Sequence[str]) -> int:
    """Write the HTML and the Markdown of a result next to it."""
    from benchmarks.html_report import html_report

    if len(arguments) != 1:
        return _usage("page RESULT")
    path = Path(arguments[0])
    result = analysed(Result.load(path))
    for output, text in (
        (path.with_suffix(".html"), html_report(result)),
        (path.with_suffix(".md"), result.markdown()),
    ):
        output.write_text(text, encoding="utf-8")
        print(output)
    return 0


def publish(arguments: Sequence[str]) -> int:
    """Write the figures of a result into README and docs."""
    if len(arguments) != 1:
        return _usage("readme RESULT")
    for path in publication.publish(analysed(Result.load(Path(arguments[0])))):
        print(path)
    return 0


def _usage(line: str) -> int:
    print(f"usage: python -m benchmarks {line}", file=sys.stderr)
    return 2


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "run": run,
    "compare": show_differences,
    "page": make_page,
    "readme": publish,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
