"""One harness under atheris: ``python -m tests.fuzz.target NAME [libFuzzer's options]``."""

from __future__ import annotations

import shlex
import sys

import atheris

__all__: list[str] = []

with atheris.instrument_imports(include=["hashserve"]):
    from tests.fuzz.harnesses import HARNESSES

name = sys.argv.pop(1)
# Where it merges seeds, libFuzzer calls its program anew, by way of a shell.
sys.argv[0] = f"{shlex.quote(sys.executable)} -m tests.fuzz.target {name}"
HARNESSES[name](b"")  # what is imported late is instrumented now
atheris.Setup(sys.argv, HARNESSES[name])
atheris.Fuzz()
