"""Random values of Range and Accept-Encoding: right, odd and broken ones. A seed decides them all."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

__all__ = ["accept_encodings", "ranges"]

SIZES = (0, 1, 2, 10, 100, 1000)
SPACES = ("", "", "", "", "", " ", "\t", "  ")
UNITS = ("bytes",) * 16 + ("Bytes", "BYTES", "items", "byte", "", "bytes ", " bytes")
BROKEN_SPECS = ("", "-", "--5", "5", "a-b", "0--5", "-5-", "+1-2", "0x1-2", "1.5-2", "1_0-20", "\u0662-3")
CODINGS = ("gzip", "br", "zstd", "identity", "*", "deflate", "x-gzip", "compress")
WEIGHTS = (
    "0",
    "0.",
    "0.0",
    "0.000",
    "0.001",
    "0.1",
    "0.25",
    "0.5",
    "0.500",
    "0.8",
    "0.999",
    "1",
    "1.",
    "1.0",
)
BROKEN_WEIGHTS = ("", "2", "1.001", "-1", "0.1234", ".5", "a", "1e-1", "+0.5", "0,5", '"0.5"', "NaN", "0.5 x")
BROKEN_CODINGS = ("", "gz ip", '"br"', "gzip/2", "br\u00e9", "@", ";", "=", "gzip;level=1", "br;q")


def ranges(seed: int, count: int) -> Iterator[tuple[str, int]]:
    """Yield Range values without white space around them, each with the size of a representation."""
    random = Random(seed)
    for _ in range(count):
        size = random.choice(SIZES)
        number = random.choice((1, 1, 1, 1, 2, 2, 3, 5, 9, 12))
        specs = [_spaced(_spec(random, size), random) for _ in range(number)]
        if random.random() < 0.95:
            specs[0] = specs[0].lstrip()  # white space is allowed around commas only
        equals = random.choice(("=",) * 12 + ("", "==", " = "))
        yield (random.choice(UNITS) + equals + ",".join(specs)).strip(), size


def _spec(random: Random, size: int) -> str:
    def position() -> str:
        digits = str(random.choice((0, 1, size - 1, size, size + 1, random.randrange(size + 10), 10**20)))
        return digits if random.random() < 0.95 else f"0{digits}"

    form = random.random()
    if form < 0.02:
        return random.choice(BROKEN_SPECS)
    dash = "-" if form < 0.985 else " - "
    if form < 0.2:
        return position() + dash
    if form < 0.4:
        return dash + position()
    return position() + dash + position()


def accept_encodings(seed: int, count: int) -> Iterator[str]:
    """Yield Accept-Encoding values without white space around them: that is not a part of a field."""
    random = Random(seed)
    for _ in range(count):
        number = random.choice((0, 1, 1, 2, 2, 3, 3, 4, 6))
        yield ",".join(_spaced(_member(random), random) for _ in range(number)).strip()


def _member(random: Random) -> str:
    coding = random.choice(CODINGS) if random.random() < 0.98 else random.choice(BROKEN_CODINGS)
    if random.random() < 0.1:
        coding = coding.upper()
    form = random.random()
    if form < 0.35:
        return coding
    weight = random.choice(WEIGHTS) if form < 0.97 else random.choice(BROKEN_WEIGHTS)
    before, after = random.choice(SPACES), random.choice(SPACES)
    name = "q" if random.random() < 0.95 else "Q"
    equals = "=" if random.random() < 0.98 else " = "
    return f"{coding}{before};{after}{name}{equals}{weight}"


def _spaced(text: str, random: Random) -> str:
    return random.choice(SPACES) + text + random.choice(SPACES)
