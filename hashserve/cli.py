"""The command line: one command a module, ``hashserve.cli_<command>``.

Law: what a command does is a function of the package; a command's module has only its arguments,
what it shows, and its exit codes: 0 for done, 1 for a failure that the message explains, 2 for
arguments that mean nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version

from hashserve.cli_build import add_build
from hashserve.cli_prune import add_prune
from hashserve.errors import HashserveError, SettingError

__all__ = ["main"]

FAILED, MISUSED = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except SettingError as error:
        print(f"hashserve: {error}", file=sys.stderr)
        return MISUSED
    except HashserveError as error:
        print(f"hashserve: {error}", file=sys.stderr)
        return FAILED
    except ModuleNotFoundError as error:
        extra = "hashserve[build]"
        print(f"hashserve: {error.name} is missing; install it with: pip install '{extra}'", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("hashserve: interrupted; the release in force is untouched", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hashserve", description="Static files that never go stale.")
    parser.add_argument("--version", action="version", version=f"hashserve {version('hashserve')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in (add_build, add_prune):
        add(commands)
    return parser
