"""The command ``hashserve build``: its arguments, and what it shows."""

from __future__ import annotations

import argparse
import json
from typing import Any

from hashserve.cli.options import add_options, given_settings, option_names
from hashserve.cli.progress import progress
from hashserve.cli.summary import summary_lines
from hashserve.cli.terminal import show
from hashserve.settings.build import DEFAULT_IGNORE, BuildSettings

__all__ = ["add_build"]

EPILOG = """\
exit codes: 0 built; 1 nothing was published, and the message says why; 2 wrong arguments; 130 or 143
interrupted by SIGINT or SIGTERM.
"""

DEFAULT_WAIT = 600.0
"""How many seconds ``--wait`` waits if it has no value."""


def add_build(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "build",
        help="fingerprint and compress static files",
        description="Build source folders into one folder that HashServe serves.",
        epilog=EPILOG,
    )
    add = parser.add_argument
    add(
        "source",
        nargs="+",
        help="A folder of static files; if two have a file at the same path, the first one's is used.",
    )
    add("--out", required=True, help="The folder to build into.")
    table = BuildSettings.table
    special: dict[str, dict[str, Any]] = {
        "ignore": {
            "help": f"{table['ignore'].help} {', '.join(DEFAULT_IGNORE)} always are. May be repeated."
        },
        "codings": {"action": "store", "help": f"{table['codings'].help} (default: br,gzip)"},
        "wait": {
            "nargs": "?",
            "const": DEFAULT_WAIT,
            "type": _seconds,
            "help": f"{table['wait'].help} Without a number, {DEFAULT_WAIT:.0f}.",
        },
    }
    add_options(parser, table.values(), special)
    add("--json", action="store_true", help="Write the report as JSON to standard output.")
    add("--quiet", action="store_true", help="Write no summary and no progress bar.")
    parser.set_defaults(run=_build, names={"out": "--out", **option_names(table)})


def _build(arguments: argparse.Namespace) -> int:
    from hashserve.builder import build

    with progress(shown=not (arguments.quiet or arguments.json)) as on_progress:
        report = build(arguments.source, arguments.out, _settings(arguments), on_progress=on_progress)
    if arguments.json:
        print(json.dumps(report.as_json(), indent=2))
    elif not arguments.quiet:
        show(summary_lines(report, arguments.out))
    return 0


def _settings(arguments: argparse.Namespace) -> BuildSettings:
    given = given_settings(arguments, BuildSettings.table, {"codings": _codings, "import_map_bare": _bare})
    if "ignore" in given:
        given["ignore"] = (*DEFAULT_IGNORE, *given["ignore"])
    return BuildSettings.of(given)


def _seconds(text: str) -> str:
    """Check the number of ``--wait``. It is optional, so argparse takes a folder after the option for it."""
    try:
        float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be a number, 0 or more, and is {text!r}; put folders first, or write --wait=600"
        ) from None
    return text


def _codings(text: str) -> tuple[str, ...]:
    return tuple(filter(None, text.split(",")))


def _bare(text: str) -> dict[str, str]:
    name, equals, path = text.partition("=")
    if not equals:
        raise ValueError("must be NAME=PATH, such as three=js/three.module.js")
    return {name: path}
