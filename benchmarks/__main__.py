"""``python -m benchmarks``: run every benchmark, or look at what they found.

::

    python -m benchmarks                  # run all of them
    python -m benchmarks compare A B      # what differs between two results, beyond their spreads
    python -m benchmarks page RESULT      # make tables and page of a result again, from its samples
    python -m benchmarks readme RESULT    # write a result's figures into README and docs
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks import browser, build, compare, django_request, readme, request_cost, servers, start
from benchmarks.conclusions import concluded
from benchmarks.options import Options, options_of, parser, run_all
from benchmarks.report import Report
from benchmarks.results import Result, ResultError

ALL = (request_cost.run, django_request.run, servers.run, start.run, build.run, browser.run)


def build_once(options: Options) -> Report:
    """Build everything once: a peer takes minutes for it, and all benchmarks have half an hour."""
    return build.run(replace(options, processes=options.processes or 1))


IN_TURN = tuple(build_once if each is build.run else each for each in ALL)


def main(arguments: Sequence[str]) -> int:
    """Run a command, and return the exit code."""
    name, *rest = arguments or ("run",)
    if name not in COMMANDS:
        return run(arguments)
    try:
        return COMMANDS[name](rest)
    except (ResultError, readme.ReadmeError) as error:
        print(error, file=sys.stderr)
        return 1


def run(arguments: Sequence[str]) -> int:
    """Run all benchmarks in turn, because nothing else may run during one."""
    options = parser(__doc__)
    run_all(IN_TURN, options_of(vars(options.parse_args(arguments))))
    return 0


def show_differences(arguments: Sequence[str]) -> int:
    """Print the differences between two results, and return 1 if there are any."""
    if len(arguments) != 2:
        return _usage("compare A B")
    first, second = (Result.load(Path(name)) for name in arguments)
    print(compare.told(first, second))
    return int(any(each.is_judged and each.differs for each in compare.comparisons(first, second)))


def make_page(arguments: Sequence[str]) -> int:
    """Write the page of a result next to it."""
    from benchmarks.page import page_of

    if len(arguments) != 1:
        return _usage("page RESULT")
    path = Path(arguments[0])
    result = concluded(Result.load(path))
    for made, text in (
        (path.with_suffix(".html"), page_of(result)),
        (path.with_suffix(".md"), result.markdown()),
    ):
        made.write_text(text, encoding="utf-8")
        print(made)
    return 0


def publish(arguments: Sequence[str]) -> int:
    """Write a result's figures into the texts."""
    if len(arguments) != 1:
        return _usage("readme RESULT")
    for path in readme.publish(concluded(Result.load(Path(arguments[0])))):
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
