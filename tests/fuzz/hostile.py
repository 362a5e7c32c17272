"""Hostile requests: word lists, every spelling of ``../``, and random variations.

Invariant: the same seed makes the same requests on every machine with the same word lists.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote_to_bytes

from tests.fuzz.corpus import SEEDS, near, read_seeds
from tests.fuzz.harnesses import LETTERS
from tests.fuzz.secret_site import Environ, environ_of

__all__ = ["hostile_environs", "listed", "traversals", "word_lists"]

WFUZZ = Path("/usr/share/wfuzz/wordlist")
LISTS = ("Injections/*.txt", "vulns/*.txt", "stress/*uri_hex.txt", "stress/char.txt")
TARGETS = ("secret.txt", "etc/passwd", "app/settings.py", "root-beside/secret.txt", "root/.env")


def overlong(character: str) -> Iterator[str]:
    """Yield a character as percent-encoded overlong UTF-8 of two to four bytes."""
    code = ord(character)
    yield f"%{0xC0 | code >> 6:02x}%{0x80 | code & 0x3F:02x}"
    yield f"%e0%{0x80 | code >> 6:02x}%{0x80 | code & 0x3F:02x}"
    yield f"%f0%80%{0x80 | code >> 6:02x}%{0x80 | code & 0x3F:02x}"


def spellings(character: str) -> list[str]:
    """Return the spellings of a character that some servers have accepted."""
    code = f"{ord(character):02x}"
    once = f"%{code}"
    wide = {"/": ("%u2215", "%uff0f", "∕"), "\\": ("%u2216", "%uff3c"), ".": ("%u002e", "%uff0e", "．")}
    return [character, once, once.upper(), once.replace("%", "%25"), *overlong(character), *wide[character]]


def traversals() -> list[str]:
    """Return every combination of two dots and a slash in all spellings, depth and target."""
    dots = [spelling * 2 for spelling in spellings(".")]
    dots += [".%2e", "%2e.", "..%00", ".%00.", "....", "..;", ".%0a.", ". ."]
    slashes = [*spellings("/"), *spellings("\\"), "//", "/./", "%00/"]
    return [
        f"{(dot + slash) * depth}{target.replace('/', slash)}"
        for dot, slash, depth, target in itertools.product(dots, slashes, (1, 2, 5), TARGETS)
    ]


def word_lists() -> list[str]:
    """Read the word lists of wfuzz, if installed, with `TARGETS` in the place of ``{FILE}``."""
    words = {
        word
        for pattern in LISTS
        for path in sorted(WFUZZ.glob(pattern))
        for word in path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        if word and not word.startswith("#")
    }
    return [
        word.replace("{FILE}", target)
        for word in sorted(words)
        for target in (TARGETS if "{FILE}" in word else ("",))
    ]


def listed() -> list[str]:
    """Return all hostile paths, as written after a prefix in a request line."""
    return [*word_lists(), *traversals()]


def native(path: str) -> str:
    """Return a path as the native string that a server passes."""
    return path.encode("utf-8", "surrogateescape").decode("latin-1")


def readings(path: str) -> list[str]:
    """Return a path as servers pass it: unchanged, decoded once, and decoded twice."""
    once = unquote_to_bytes(path.encode("utf-8", "surrogateescape"))
    return [native(path), once.decode("latin-1"), unquote_to_bytes(once).decode("latin-1")]


def hostile_environs(known: Sequence[str], count: int, seed: int = 0) -> Iterator[Environ]:
    """Yield ``count`` requests, in turn: a hostile path, a changed known path, and input near a seed.

    ``known`` are existing paths below the prefix.
    """
    chance = random.Random(seed)
    paths = listed()
    listed_paths = _listed(paths, chance)
    inputs = near(read_seeds("wsgi"), count, seed)
    for number in range(count):
        if number % 3 == 0:
            yield environ_of("GET", next(listed_paths))
        elif number % 3 == 1:
            yield _changed(chance, known, paths)
        else:
            yield _decoded(next(inputs))


STARTS = ("/static/", "/static/css/", "/static", "/")


def _listed(paths: Sequence[str], chance: random.Random) -> Iterator[str]:
    """Yield each hostile path in each decoding after each start, endlessly."""
    every = list(itertools.product(range(len(paths)), range(3), STARTS))
    chance.shuffle(every)
    for path, reading, start in itertools.cycle(every):
        yield start + readings(paths[path])[reading]


METHODS = ["GET"] * 12 + ["HEAD", "HEAD", "OPTIONS", "POST", "PUT", "TRACE", "get", "", "G\x00T", "\xff"]


def _changed(chance: random.Random, known: Sequence[str], paths: Sequence[str]) -> Environ:
    path = native(chance.choice(known))
    for _ in range(chance.choice((0, 0, 1, 1, 2, 5))):
        path = _mutated(path, chance, paths)
    fields = [
        (name, _value(chance))
        for name in chance.sample(list(LETTERS.values()), chance.choice((0, 1, 1, 2, 4)))
    ]
    query = _value(chance) if chance.random() < 0.2 else ""
    return environ_of(
        chance.choice(METHODS), chance.choice(("/static/", "/static/", "/")) + path, query, fields
    )


def _mutated(path: str, chance: random.Random, paths: Sequence[str]) -> str:
    position = chance.randint(0, len(path))
    piece = chance.choice(
        ("/", "//", "/../", "/./", "\0", "\\", "%2f", "%00", ".", "..", "~", ":", "\n", " ", "é", "\xff")
    )
    kind = chance.randrange(4)
    if kind == 0:
        return path[:position] + native(piece) + path[position:]
    if kind == 1:
        return path[:position] + path[position + chance.randint(1, 5) :]
    if kind == 2:
        return readings(chance.choice(paths))[chance.randrange(3)]
    return path[:position] + chr(chance.randrange(256)) * chance.choice((1, 2, 300, 9000)) + path[position:]


PIECES = (
    "bytes=",
    "0-",
    "-5",
    "9-",
    ",",
    ", ",
    "*",
    '"',
    'W/"',
    "gzip",
    "br",
    ";q=0",
    ";q=1",
    "GMT",
    "06 Nov 1994",
    " ",
)


WHOLE = (
    "bytes=0-4",
    "bytes=0-1,3-4",
    "bytes=99999-",
    "*",
    '"nope"',
    "br",
    "gzip, br",
    "text/html",
    "identity;q=0",
)


def _value(chance: random.Random) -> str:
    kind = chance.randrange(12)
    if kind > 7:
        return chance.choice(WHOLE)
    if kind == 0:
        return "".join(chr(chance.randrange(256)) for _ in range(chance.randrange(60)))
    if kind == 1:
        return chance.choice(PIECES) * chance.choice((1, 1000, 8000 // 6))
    return "".join(chance.choice(PIECES) for _ in range(chance.randrange(12)))


def _decoded(data: bytes) -> Environ:
    lines = data[1:].decode("latin-1").split("\n")
    method, path, query = (*lines[:3], "", "", "")[:3]
    fields = [(LETTERS[line[0]], line[1:]) for line in lines[3:] if line[:1] in LETTERS]
    return environ_of(method, f"/static/{path}", query, fields)


assert SEEDS.is_dir(), "the folder of seeds is missing"
