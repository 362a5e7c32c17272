"""The cost of a command: its wall-clock time, processor time and highest memory.

Invariant: a small interpreter starts the command. Linux counts the memory of the starting process (here
13 MB) as the program's until the program uses more.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["CommandCost", "CommandError", "run_command"]


class CommandError(Exception):
    """A command failed; holds its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandCost:
    """The cost of one command with its threads and children: seconds, and bytes of resident memory."""

    wall_seconds: float
    processor_seconds: float
    peak_bytes: int


def run_command(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str] | None = None
) -> CommandCost:
    """Run a command in a folder; ``environment`` is added to the current one. Raises `CommandError`."""
    done = subprocess.run(
        [sys.executable, "-S", "-E", __file__, *command],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CommandError(f"{command} failed:\n{done.stderr[-4000:]}")
    return CommandCost(**json.loads(done.stdout.splitlines()[-1]))


def _main(command: list[str]) -> int:
    """Run the command, print its cost as the last line, and return its exit code."""
    started = time.perf_counter()
    process = os.posix_spawn(command[0], command, os.environ)
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - started
    unit = 1 if sys.platform == "darwin" else 1024
    cost = {
        "wall_seconds": seconds,
        "processor_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * unit,
    }
    print(f"\n{json.dumps(cost)}", flush=True)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
