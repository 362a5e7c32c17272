"""``hashserve prune``: its arguments and what it tells."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from hashserve.cli.terminal import counted, human_bytes

__all__ = ["add_prune"]

EPILOG = """\
Without --keep and --keep-days, only what no retained release refers to any more is removed.
exit codes: 0 pruned; 1 nothing was removed, and the message says why; 2 arguments that mean nothing.
"""


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
    add("out", help="the folder")
    add("--keep", type=int, help="drop releases first, but for so many, the one in force counted")
    add("--keep-days", type=float, help="and but for those replaced within so many days")
    add("--dry-run", action="store_true", help="say what would be removed, and remove nothing")
    add("--json", action="store_true", help="write the report as JSON to standard output")
    add("--quiet", action="store_true", help="write nothing but errors")
    parser.set_defaults(run=_prune)


def _prune(arguments: argparse.Namespace) -> int:
    from hashserve.builder import prune

    report = prune(
        arguments.out, keep=arguments.keep, keep_days=arguments.keep_days, dry_run=arguments.dry_run
    )
    if arguments.json:
        print(json.dumps(asdict(report), indent=2))
    elif not arguments.quiet:
        verb = "would be removed" if report.dry_run else "removed"
        for path in sorted(report.files):
            print(f"  {path}")
        files = f"{counted(len(report.files), 'file')}, {human_bytes(report.freed_bytes)}"
        print(f"{files}, and {counted(len(report.releases), 'release')} {verb}")
    return 0
