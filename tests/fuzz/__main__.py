"""``python -m tests.fuzz NAME SECONDS``: fuzz a harness with atheris, and keep the useful seeds.

NAME can be ``all``. If an input breaks a rule, the command fails and writes the input to
``.cache/fuzz/NAME``. The smallest set of inputs with the same coverage is written to ``tests/fuzz/seeds``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from tests.fuzz.corpus import LONGEST, SEEDS, read_seeds, write_seeds
from tests.fuzz.harnesses import HARNESSES

__all__ = ["main"]

MOST_SEEDS = 150
"""The largest number of seeds for one harness."""


def main(arguments: list[str]) -> int:
    """Fuzz one harness or all, for a number of seconds each."""
    if len(arguments) != 2 or not arguments[1].isdigit() or arguments[0] not in {*HARNESSES, "all"}:
        print(f"usage: python -m tests.fuzz {{{','.join(HARNESSES)},all}} SECONDS", file=sys.stderr)
        return 2
    name, seconds = arguments
    return max([fuzz(each, int(seconds)) for each in (HARNESSES if name == "all" else [name])])


def fuzz(name: str, seconds: int) -> int:
    """Fuzz one harness, and return the exit code: 0 if no input broke a rule."""
    folder = Path(".cache/fuzz") / name
    corpus, merged = folder / "corpus", folder / "merged"
    for each in (corpus, merged):
        each.mkdir(parents=True, exist_ok=True)
    if (SEEDS / f"{name}.txt").exists():
        fill(corpus, read_seeds(name))
    run = atheris(
        name, f"-max_total_time={seconds}", f"-artifact_prefix={folder}/", "-print_final_stats=1", corpus
    )
    executions = re.search(r"number_of_executed_units: *([0-9]+)", run.stderr)
    reached = re.findall(r"cov: ([0-9]+)", run.stderr)
    broke = "" if run.returncode == 0 else f"; BROKE, see {folder}\n{run.stdout[-4000:]}{run.stderr[-999:]}"
    print(
        f"{name}: {executions[1] if executions else 'unknown'} executions, "
        f"coverage {reached[-1] if reached else 'unknown'}, {keep(name, corpus, merged)} seeds kept{broke}",
        flush=True,
    )
    return run.returncode


def atheris(name: str, *options: str | os.PathLike[str]) -> subprocess.CompletedProcess[str]:
    """Run atheris in a process of its own, because atheris ends the process."""
    command = [sys.executable, "-m", "tests.fuzz.target", name, f"-max_len={LONGEST}", *options]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)


def fill(corpus: Path, seeds: Iterable[bytes]) -> None:
    """Write seeds as files named by their digest, as libFuzzer does."""
    for seed in seeds:
        (corpus / sha256(seed).hexdigest()[:16]).write_bytes(seed)


def keep(name: str, corpus: Path, merged: Path) -> int:
    """Write the old seeds and the smallest set with the same coverage, and return their number."""
    known = read_seeds(name) if (SEEDS / f"{name}.txt").exists() else []
    for path in merged.iterdir():
        path.unlink()
    atheris(name, "-merge=1", f"-artifact_prefix={merged.parent}/", merged, corpus)
    found = sorted((path.read_bytes() for path in merged.iterdir()), key=len)
    new = [seed for seed in found if seed not in known]
    return write_seeds(name, [*known, *new[: max(0, MOST_SEEDS - len(known))]])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
