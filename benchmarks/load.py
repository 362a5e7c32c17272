"""Load: wrk, what it sends, and its results.

Invariant: the load is the same for every subject: the same requests in the same order, over the same number
of connections, from its own core if there is one.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import tool
from benchmarks.processes import on_its_own_core
from benchmarks.subjects import ACCEPTED

__all__ = ["Load", "LoadError", "Outcome", "check"]

SCRIPT = Path(__file__).with_name("load.lua")


class LoadError(Exception):
    """wrk is missing, or a server fails under its load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a load: times in seconds; numbers of ``lost`` connections and ``refused`` requests."""

    requests: int
    seconds: float
    bytes: int
    p50: float
    p99: float
    lost: int
    refused: int

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Requests for ``paths`` in turn, over ``connections``, each for one request if ``is_closing``."""

    name: str
    paths: Sequence[str]
    connections: int = 16
    is_closing: bool = False

    def send(self, port: int, seconds: int) -> Outcome:
        """Load the server on a port for some seconds. Raises `LoadError`."""
        executable = tool("wrk")
        if executable is None:
            raise LoadError("wrk is not installed: apt-get install wrk")
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as paths:
            paths.write("\n".join(self.paths) + "\n")
            paths.flush()
            command = [executable, *self._options(seconds), f"http://127.0.0.1:{port}", "--", paths.name]
            done = subprocess.run(
                on_its_own_core(command, is_load=True), capture_output=True, text=True, check=False
            )
        return outcome_of(done.stdout, done.stderr)

    def _options(self, seconds: int) -> list[str]:
        fields = {"Accept-Encoding": ACCEPTED, **({"Connection": "close"} if self.is_closing else {})}
        given = [option for name, value in fields.items() for option in ("-H", f"{name}: {value}")]
        return ["-t1", f"-c{self.connections}", f"-d{seconds}s", "--timeout", "5s", "-s", str(SCRIPT), *given]


def outcome_of(told: str, complaints: str = "") -> Outcome:
    """Read the script's output. Raises `LoadError` if it is empty, or if there was no response."""
    lines = [line for line in told.splitlines() if line.startswith("{")]
    if not lines:
        raise LoadError(f"wrk failed:\n{told}{complaints}")
    outcome = Outcome(**json.loads(lines[-1]))
    if not outcome.requests:
        raise LoadError(f"no request was answered: {outcome}")
    return outcome


def check(port: int, expected: Mapping[str, bytes]) -> None:
    """Check the responses of a server for each path, twice. Raises `LoadError`."""
    for path, body in [*expected.items()] * 2:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", path, headers={"Accept-Encoding": ACCEPTED})
            response = connection.getresponse()
            found = response.read()
        finally:
            connection.close()
        if response.status != 200 or found != body:
            raise LoadError(
                f"{path}: {response.status}, {len(found)} bytes of {response.headers['Content-Encoding']}, "
                f"not {len(body)}"
            )
