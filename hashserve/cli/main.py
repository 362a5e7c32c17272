"""The command line: it parses the arguments, runs one command, and turns errors into exit codes.

Invariant: a command calls functions of the package; its module holds only its arguments and what it shows.
Exit codes: 0 done; 1 failed, and the message says why; 2 wrong arguments; 128 plus the number of the signal
that interrupted the command.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

from hashserve.cli.build import add_build
from hashserve.cli.check import add_check
from hashserve.cli.options import message_of
from hashserve.cli.prune import add_prune
from hashserve.cli.report import add_report
from hashserve.cli.terminal import show_problem, write_any_character
from hashserve.errors import HashserveError, SettingError
from hashserve.visible_text import visible

__all__ = ["main"]

FAILED, MISUSED = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command, and return its exit code. ``arguments`` are those of the process by default."""
    _open_streams()
    write_any_character(sys.stdout, sys.stderr)
    parsed = _parsed(arguments)
    try:
        with _terminable():
            code = int(parsed.run(parsed))
        sys.stdout.flush()
    except SettingError as error:
        return _fail(message_of(error.spelt(parsed.names)), code=MISUSED)
    except HashserveError as error:
        return _fail(*error.spelt(parsed.names).lines)
    except ModuleNotFoundError as error:
        return _fail(f"the package {error.name} is missing; install it with: pip install 'hashserve[build]'")
    except KeyboardInterrupt:
        return _fail("interrupted; the release in force is complete", code=128 + signal.SIGINT)
    except _Terminated:
        return _fail("terminated; the release in force is complete", code=128 + signal.SIGTERM)
    except BrokenPipeError:
        _silence()  # the reader has closed the pipe
        return FAILED
    except OSError as error:
        if error.filename is None:
            _silence()
        return _fail(f"{error.filename or 'standard output'}: {error.strerror or error}")
    return code


def _fail(message: str, *details: str, code: int = FAILED) -> int:
    show_problem(f"hashserve: {message}", *details)
    return code


def _silence() -> None:
    """Discard further output, or the interpreter flushes the stream when it exits, and reports the error."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_streams() -> None:
    """Open the streams that the caller has closed, as some schedulers do."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  # for as long as the process


class _Terminated(BaseException):
    """SIGTERM arrived. It is raised, so that every ``finally`` runs."""


@contextmanager
def _terminable() -> Iterator[None]:
    def stop(number: int, frame: object) -> NoReturn:
        raise _Terminated

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread: the caller handles signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _ShowVersion(argparse.Action):
    """The action of ``--version``. It looks the version up only here, because that takes 15 ms."""

    def __call__(self, parser: argparse.ArgumentParser, *given: object) -> NoReturn:
        from importlib.metadata import version

        print(f"hashserve {version('hashserve')}")
        parser.exit()


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line that says what to write instead."""

    def error(self, message: str) -> NoReturn:
        self.exit(MISUSED, f"hashserve: {visible(message)}; see: {self.prog} --help\n")

    def reject(self, unknown: str) -> NoReturn:
        """Report an argument that the command does not have, with a similar option."""
        from difflib import get_close_matches

        similar = get_close_matches(unknown.partition("=")[0], self._option_string_actions, 1)
        self.error(f"unknown argument {unknown}" + (f" (did you mean {similar[0]}?)" if similar else ""))


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parsed, unknown = _parser().parse_known_args(arguments)
    if unknown:
        parsed.parser.reject(unknown[0])
    return parsed


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = _Parser(
        prog="hashserve", description="Static files that never go stale."
    )
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in (add_build, add_check, add_prune, add_report):
        add(commands)
    for command in commands.choices.values():
        command.set_defaults(parser=command)
    return parser
