"""Files that change a little from release to release, so that a delta of each is much smaller than the file.

Invariant: a file shows the number of its release when it runs or is drawn. The rest of it is the same in
every release, differs from that of other files, and compresses badly.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

__all__ = ["drawing", "module_of_wasm", "script", "style_sheet", "words"]

LINES = 120


def _numbers(name: str) -> Iterator[tuple[int, int]]:
    choice = random.Random(name)
    for _ in range(LINES):
        yield choice.randrange(10**6), choice.randrange(10**6)


def script(name: str, statements: str, *, imports: str = "") -> bytes:
    """Return a script or a module: imports, many functions, and statements."""
    functions = (f"function f{a}x{b}(value) {{ return value * {a} + {b}; }}" for a, b in _numbers(name))
    return "\n".join([imports, *functions, statements, ""]).encode()


def style_sheet(name: str, release: int, *, imports: str = "") -> bytes:
    """Return a style sheet that sets the property ``--NAME`` of the page."""
    rules = (f".c{a} {{ margin: {b}px; color: #{a % 4096:03x} }}" for a, b in _numbers(name))
    return "\n".join([imports, *rules, f":root {{ --{name}: {release} }}", ""]).encode()


def words(name: str, release: int) -> bytes:
    """Return JSON with the member ``release``."""
    return json.dumps({"numbers": [*_numbers(name)], "release": release}).encode()


def drawing(name: str, release: int) -> bytes:
    """Return an SVG image; its width is 100 more than the release."""
    path = " ".join(f"L{a / 1000} {b / 1000}" for a, b in _numbers(name))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{100 + release}" height="40">'
    return f'{head}<path fill="none" stroke="green" d="M0 0 {path}"/></svg>'.encode()


def module_of_wasm(name: str, release: int) -> bytes:
    """Return a module of WebAssembly whose function ``release`` returns a number under 64."""
    text = json.dumps([*_numbers(name)]).encode()
    sections = (
        (1, b"\x01\x60\x00\x01\x7f"),  # a type: no parameters, an i32
        (3, b"\x01\x00"),  # a function of this type
        (7, b"\x01\x07release\x00\x00"),  # its name
        (10, b"\x01\x04\x00\x41" + bytes([release]) + b"\x0b"),  # its body: i32.const RELEASE, end
        (0, b"\x04text" + text),  # a custom section, which no machine reads
    )
    return b"\0asm\1\0\0\0" + b"".join(
        bytes([number]) + _size(len(content)) + content for number, content in sections
    )


def _size(value: int) -> bytes:
    """Return a number in LEB128."""
    return bytes([value & 127 | 128]) + _size(value >> 7) if value > 127 else bytes([value])
