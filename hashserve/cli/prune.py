"""The command ``hashserve prune``: its arguments, and what it shows."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from hashserve.cli.options import add_options, given_settings, option_names
from hashserve.cli.terminal import counted, human_bytes, show
from hashserve.settings.build import BuildSettings

__all__ = ["add_prune"]

EPILOG = """\
With --keep N or --keep-days DAYS, releases are dropped first that are neither among the newest N nor replaced
within these days.
Without them, only files that no retained release refers to are removed.
exit codes: 0 pruned; 1 nothing was removed, and the message says why; 2 wrong arguments.
"""

RETENTION = {name: BuildSettings.table[name] for name in ("keep", "keep_days")}
"""The settings of the build that prune has too; without a default here."""


def add_prune(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "prune",
        help="remove what no retained release refers to",
        description="Remove files of old releases from a folder that hashserve build wrote.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("out", metavar="OUT", help="The folder that hashserve build wrote.")
    special = {name: {"help": row.help} for name, row in RETENTION.items()}
    add_options(parser, RETENTION.values(), special)
    add("--dry-run", action="store_true", help="Show what would be removed, and remove nothing.")
    add("--json", action="store_true", help="Write the report as JSON to standard output.")
    add("--quiet", action="store_true", help="Write nothing but errors.")
    parser.set_defaults(run=_prune, names={"out": "OUT", **option_names(RETENTION)})


def _prune(arguments: argparse.Namespace) -> int:
    retention = given_settings(arguments, RETENTION)
    from hashserve.builder import prune

    report = prune(arguments.out, **retention, dry_run=arguments.dry_run)
    if arguments.json:
        print(json.dumps(asdict(report), indent=2))
    elif not arguments.quiet:
        verb = "would be removed" if report.dry_run else "removed"
        show(("", f"  {path}") for path in sorted(report.files))
        files = f"{counted(len(report.files), 'file')}, {human_bytes(report.freed_bytes)}"
        show([("", f"{files}, and {counted(len(report.releases), 'release')} {verb}")])
    return 0
