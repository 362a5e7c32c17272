"""The load on a server, made by wrk.

Invariant: every subject gets the same requests in the same order, over the same number of connections. wrk
runs on its own core if there is more than one.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import on_its_own_core
from benchmarks.subjects import ACCEPTED
from tests.support.system_parts import find_executable

__all__ = ["Load", "LoadError", "Outcome", "check"]

SCRIPT = Path(__file__).with_name("load.lua")


class LoadError(Exception):
    """wrk is missing, or the server did not answer correctly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a load: seconds, ``lost`` connections, and ``refused`` requests (status from 400)."""

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
    """Requests for ``paths`` in turn. If ``is_closing``, each connection carries one request."""

    name: str
    paths: Sequence[str]
    connections: int = 16
    is_closing: bool = False

    def send(self, port: int, seconds: int) -> Outcome:
        """Send requests to a port for some seconds. Raises `LoadError`."""
        executable = find_executable("wrk")
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
        headers = [option for name, value in fields.items() for option in ("-H", f"{name}: {value}")]
        options = ["-t1", f"-c{self.connections}", f"-d{seconds}s", "--timeout", "5s", "-s", str(SCRIPT)]
        return [*options, *headers]


def outcome_of(output: str, errors: str = "") -> Outcome:
    """Read the output of wrk. Raises `LoadError` if it has no totals or no response."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise LoadError(f"wrk failed:\n{output}{errors}")
    outcome = Outcome(**json.loads(lines[-1]))
    if not outcome.requests:
        raise LoadError(f"no request was answered: {outcome}")
    return outcome


def check(port: int, expected: Mapping[str, bytes]) -> None:
    """Check the response for each path twice. Raises `LoadError` if one is wrong."""
    for path, body in [*expected.items()] * 2:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request("GET", path, headers={"Accept-Encoding": ACCEPTED})
            response = connection.getresponse()
            found = response.read()
        finally:
            connection.close()
        if response.status != 200 or found != body:
            coding = response.headers["Content-Encoding"] or "identity"
            raise LoadError(
                f"{path}: the response has status {response.status} and {len(found)} bytes ({coding}); "
                f"200 and {len(body)} bytes are expected"
            )
