"""How commands show what they have to say: in colour to a person, plainly to everything else.

Invariant: a colour tells nothing that the words do not.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

__all__ = ["counted", "human_bytes", "show"]

_STYLES = {
    "error": "bold red",
    "warning": "yellow",
    "note": "cyan",
    "place": "bold",
    "right": "green",
    "title": "bold",
}


def show(marked: Iterable[tuple[str, str]]) -> None:
    """Print lines with their marks: in colour on a terminal where rich is installed, else as they are."""
    console = _console()
    for mark, line in marked:
        if console is None:
            print(line)
        else:
            console.print(line, style=_STYLES.get(mark), markup=False, highlight=False, soft_wrap=True)


def _console() -> Any:
    if not sys.stdout.isatty():
        return None
    try:
        from rich.console import Console
    except ModuleNotFoundError:
        return None
    return Console()


def counted(number: int, noun: str) -> str:
    """Write a number of things for a person to read."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def human_bytes(number: float) -> str:
    """Write a number of bytes for a person to read."""
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
