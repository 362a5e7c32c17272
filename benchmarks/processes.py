"""The processes that a benchmark starts, and their processor time.

Invariant: every started process and its children are stopped, also after an error. Processor time is the
kernel's count and includes threads that have ended.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

import psutil

from benchmarks.harness import PROJECT
from benchmarks.machine import cores
from tests.support.system_parts import find_executable

__all__ = [
    "StartError",
    "free_port",
    "on_its_own_core",
    "processor_seconds",
    "running_command",
    "running_server",
]

START_TIMEOUT = 60.0
"""The longest time, in seconds, until a server listens."""


class StartError(Exception):
    """A server did not start; the text has its output."""


def free_port() -> int:
    """Return a free port of the loopback interface."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def on_its_own_core(command: Sequence[str], *, is_load: bool = False) -> list[str]:
    """Return the command with its cores, if there are several: the last for a load, others for a server."""
    taskset, count = find_executable("taskset"), cores()
    if taskset is None or count < 2:
        return list(command)
    known = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(count))
    own = known[-1:] if is_load else known[:-1]
    return [taskset, "--cpu-list", ",".join(map(str, own)), *command]


@contextmanager
def running_command(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> Iterator[psutil.Process]:
    """Run a command in its own session, and keep its output for `StartError`."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield psutil.Process(process.pid)
        except StartError as error:
            log.seek(0)
            raise StartError(f"{error}\n{log.read()[-4000:]}") from error
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Stop a process and its session, because workers survive their killed master."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(3)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def running_server(
    command_at: Callable[[int], Sequence[str]],
    environment: Mapping[str, str] | None = None,
    *,
    port: int | None = None,
) -> Iterator[tuple[int, psutil.Process]]:
    """Run a server on ``port`` or a free one, and yield port and process once it listens.

    Raises `StartError`.
    """
    port = port or free_port()
    with running_command(on_its_own_core(command_at(port)), environment) as process:
        _wait_for(port, process)
        yield port, process


def _wait_for(port: int, process: psutil.Process) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            if process.status() == psutil.STATUS_ZOMBIE:
                raise StartError("the server ended before it listened") from None
            if time.monotonic() > deadline:
                raise StartError(f"nothing listens on port {port} after {START_TIMEOUT:g} s") from None
        time.sleep(0.02)


def processor_seconds(process: psutil.Process) -> float:
    """Return the processor time, in seconds, that a process and its descendants have used."""
    return sum(map(_own_seconds, [process, *process.children(recursive=True)]))


def _own_seconds(process: psutil.Process) -> float:
    """Read the process's own clock on Linux, because /proc counts only hundredths of a second."""
    if sys.platform != "linux":
        times = process.cpu_times()
        return float(times.user + times.system)
    # clock_getcpuclockid(3): the complement of the process id, and 2 for the scheduler's count.
    return time.clock_gettime(~process.pid << 3 | 2)
