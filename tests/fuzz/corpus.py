"""Seeds (inputs with new coverage, stored as text), and inputs near them, the same on every run."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

__all__ = ["SEEDS", "near", "read_seeds", "write_seeds"]

SEEDS = Path(__file__).parent / "seeds"
LONGEST = 2000
"""The length of the longest stored seed in bytes."""


def read_seeds(name: str) -> list[bytes]:
    """Read the seeds of a harness. Each line is a bytes literal without its quotes."""
    lines = (SEEDS / f"{name}.txt").read_text(encoding="ascii").splitlines()
    return [ast.literal_eval(f'b"{line}"') for line in lines]


def write_seeds(name: str, seeds: Iterable[bytes]) -> int:
    """Write the seeds of a harness, the shortest first, and return their number."""
    kept = sorted({seed for seed in seeds if len(seed) <= LONGEST}, key=lambda seed: (len(seed), seed))
    SEEDS.mkdir(exist_ok=True)
    text = "".join(f"{_literal(seed)}\n" for seed in kept)
    (SEEDS / f"{name}.txt").write_text(text, encoding="ascii")
    return len(kept)


def _literal(seed: bytes) -> str:
    return "".join(
        chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}" for byte in seed
    )


def near(seeds: Sequence[bytes], count: int, seed: int = 0) -> Iterator[bytes]:
    """Yield ``count`` inputs: the seeds, then seeds with small changes."""
    chance = random.Random(seed)
    yield from seeds[:count]
    for _ in range(count - len(seeds)):
        changed = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            _change(changed, seeds, chance)
        yield bytes(changed)


def _change(data: bytearray, seeds: Sequence[bytes], chance: random.Random) -> None:
    """Remove, double or replace bytes at a random position, or insert a piece of another seed."""
    start = chance.randint(0, len(data))
    end = min(len(data), start + chance.choice((0, 1, 1, 2, 8, 64)))
    other = chance.choice(seeds)
    other_start = chance.randint(0, len(other))
    data[start:end] = chance.choice(
        (
            b"",
            data[start:end] * 2,
            bytes([chance.randrange(256)]),
            bytes([chance.choice(b'\0\n\r\t ",;:=*%./\\-0129azAZ{}[]\xc3\xff')]),
            other[other_start : other_start + chance.choice((1, 4, 16, 64))],
        )
    )
