"""The command line: one command a module, ``hashserve.cli_<command>``.

Invariant: what a command does is a function of the package; a command's module has only its arguments,
what it shows, and its exit codes: 0 for done, 1 for a failure that the message explains, 2 for
arguments that mean nothing, and 128 and a signal's number for what a signal interrupted.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn, TextIO

from hashserve.cli.build import add_build
from hashserve.cli.check import add_check
from hashserve.cli.prune import add_prune
from hashserve.cli.report import add_report
from hashserve.errors import HashserveError, SettingError

__all__ = ["main"]

FAILED, MISUSED = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    _open_streams()
    _show_any_name(sys.stdout, sys.stderr)
    parsed = _parser().parse_args(arguments)
    try:
        with _terminable():
            code = int(parsed.run(parsed))
        sys.stdout.flush()
    except SettingError as error:
        return _fail(str(error), MISUSED)
    except HashserveError as error:
        return _fail(str(error))
    except ModuleNotFoundError as error:
        return _fail(f"{error.name} is missing; install it with: pip install 'hashserve[build]'")
    except KeyboardInterrupt:
        return _fail("interrupted; what was published is whole", 128 + signal.SIGINT)
    except _Terminated:
        return _fail("terminated; what was published is whole", 128 + signal.SIGTERM)
    except BrokenPipeError:
        _silence()  # nobody reads on
        return FAILED
    except OSError as error:
        if error.filename is None:
            _silence()
        return _fail(f"{error.filename or 'standard output'}: {error.strerror or error}")
    return code


def _fail(message: str, code: int = FAILED) -> int:
    print(f"hashserve: {message}", file=sys.stderr)
    return code


def _silence() -> None:
    """Have nothing written any more: the interpreter would flush once more at its end, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_streams() -> None:
    """Have streams to write to where the caller has closed them, as some schedulers do."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115  # for as long as the process


def _show_any_name(*streams: TextIO) -> None:
    """Have names that a stream's encoding lacks shown with escapes: no reason to fail."""
    for stream in streams:
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


class _Terminated(BaseException):
    """SIGTERM came: everything that is open is left in order."""


@contextmanager
def _terminable() -> Iterator[None]:
    def stop(number: int, frame: object) -> NoReturn:
        raise _Terminated

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not in the main thread: whoever runs us has the say
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


class _ShowVersion(argparse.Action):
    """The action of ``--version``: nothing else has to know, and looking it up takes 15 ms."""

    def __call__(self, parser: argparse.ArgumentParser, *given: object) -> NoReturn:
        from importlib.metadata import version

        print(f"hashserve {version('hashserve')}")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hashserve", description="Static files that never go stale.")
    parser.add_argument("--version", action=_ShowVersion, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in (add_build, add_check, add_prune, add_report):
        add(commands)
    return parser
