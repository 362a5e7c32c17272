"""The command ``hashserve check``: its arguments, and where its report is written.

Invariant: JSON and SARIF have every finding and no colours.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from typing import Any

from hashserve.cli.options import add_options, given_settings, option_names
from hashserve.cli.terminal import counted, show
from hashserve.errors import HashserveError
from hashserve.settings.check import DEFAULT_MAX_SIZES, CheckSettings

__all__ = ["add_check"]

_PASSED, _FAILED = 0, 1

_NAMES = {"out": "OUT", "write_baseline": "--write-baseline", **option_names(CheckSettings.table)}

_EPILOG = """\
exit codes:
  0  no errors, and with --strict no warnings
  1  errors were found, or warnings with --strict
  2  wrong arguments, or there is no such folder
"""


def add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to those of the command line."""
    parser = commands.add_parser(
        "check",
        help="find what is wrong with a built folder",
        description="Compare a built folder with its manifest and with itself; nothing is changed.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", metavar="OUT", help="The folder that hashserve build wrote.")
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument("--json", action="store_true", help="Write the report as JSON to standard output.")
    formats.add_argument(
        "--sarif",
        metavar="FILE",
        help="Write the report as SARIF 2.1.0 to FILE; - is standard output.",
    )
    add_options(parser, CheckSettings.table.values())
    parser.add_argument(
        "--write-baseline",
        metavar="FILE",
        help="Write all findings but errors to FILE, for --baseline in later checks.",
    )
    parser.add_argument(
        "--dictionaries",
        action="store_true",
        help="List the files that are dictionaries for the deltas of later releases, and why others are not.",
    )
    parser.add_argument("--strict", action="store_true", help="Fail on warnings too.")
    parser.add_argument("--quiet", action="store_true", help="Write nothing but errors.")
    parser.set_defaults(run=_check, names=_NAMES)


_SIZE = re.compile(r"(?:([a-z]+)=)?(?:([0-9]{1,15})(k|m|g)?b?|off)", re.IGNORECASE)
_UNITS = {"": 1, "k": 1000, "m": 1000_000, "g": 1000_000_000}


def _max_sizes(text: str) -> dict[str, int | None]:
    match = _SIZE.fullmatch(text)
    if match is None:
        raise ValueError("must be BYTES or KIND=BYTES, such as script=300k")
    kind, digits, unit = match.groups()
    limit = None if digits is None else int(digits) * _UNITS[(unit or "").lower()]
    return dict.fromkeys(DEFAULT_MAX_SIZES, limit) if kind is None else {kind: limit}


def _check(arguments: argparse.Namespace) -> int:
    from hashserve.check import check, sarif, write_baseline
    from hashserve.check.reports.json import json_report
    from hashserve.check.reports.text import text_lines

    settings = CheckSettings.of(given_settings(arguments, CheckSettings.table, {"max_sizes": _max_sizes}))
    started = time.monotonic()
    report = check(arguments.out, settings)
    seconds = time.monotonic() - started
    number = None
    if arguments.write_baseline is not None:
        number = write_baseline(arguments.write_baseline, report.known)
    if arguments.sarif is not None:
        _write(arguments.sarif, sarif(report))
    if arguments.json:
        print(_document(json_report(report, lists_dictionaries=arguments.dictionaries)), end="")
    elif number is not None:
        show([("right", f"{counted(number, 'known finding')} written to {arguments.write_baseline}")])
    elif arguments.sarif != "-":
        lists = arguments.dictionaries
        show(text_lines(report, seconds, quiet=arguments.quiet, lists_dictionaries=lists))
    # What was just written is known now; an error never is.
    is_strict = arguments.strict and number is None
    return _FAILED if report.is_failure(strict=is_strict) else _PASSED


def _document(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"  # ASCII, which every stream can write


class _UnwritableError(HashserveError):
    """The file of ``--sarif`` cannot be written."""


def _write(place: str, value: Any) -> None:
    if place == "-":
        print(_document(value), end="")
        return
    try:
        with open(place, "w", encoding="utf-8") as stream:
            stream.write(_document(value))
    except OSError as error:
        raise _UnwritableError(f"--sarif {place}: cannot be written: {error.strerror}") from error
