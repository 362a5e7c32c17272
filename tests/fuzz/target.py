"""One harness under atheris: ``python -m tests.fuzz.target NAME [libFuzzer's options]``."""

from __future__ import annotations

import shlex
import sys

import atheris

__all__: list[str] = []

with atheris.instrument_imports(include=["hashserve"]):
    from tests.fuzz.harnesses import HARNESSES

name = sys.argv.pop(1)
# To merge seeds, libFuzzer starts the program again through a shell.
sys.argv[0] = f"{shlex.quote(sys.executable)} -m tests.fuzz.target {name}"
HARNESSES[name](b"")  # so that late imports are instrumented
atheris.Setup(sys.argv, HARNESSES[name])
atheris.Fuzz()
