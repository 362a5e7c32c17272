"""Output on a terminal: in colour for a person, without colour elsewhere.

Invariant: the words say everything; a colour only repeats it. Every line of text that a command prints passes
here, and is made visible (`hashserve.visible_text`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from hashserve.errors import HashserveError
from hashserve.visible_text import visible

__all__ = ["counted", "human_bytes", "message_of_error", "show", "show_problem", "write_any_character"]

_STYLES = {
    "error": "bold red",
    "warning": "yellow",
    "note": "cyan",
    "place": "bold",
    "right": "green",
    "title": "bold",
}


def show(marked: Iterable[tuple[str, str]]) -> None:
    """Print lines of (mark, text): in colour on a terminal where rich is installed, else without.

    A mark is a key of the styles above; an unknown one means plain text.
    """
    console = _console()
    for mark, text in marked:
        line = visible(text)
        if console is None:
            print(line)
        else:
            console.print(line, style=_STYLES.get(mark), markup=False, highlight=False, soft_wrap=True)


def show_problem(*lines: str) -> None:
    """Print what is wrong on standard error."""
    print("\n".join(map(visible, lines)), file=sys.stderr)


def message_of_error(error: HashserveError) -> str:
    """Return the visible message of an error, for Django's commands."""
    return "\n".join(map(visible, error.lines))


def write_any_character(*streams: Any) -> None:
    """Write characters that a stream's encoding lacks as escapes, so that no file name is an error."""
    for stream in streams:
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _console() -> Any:
    if not sys.stdout.isatty():
        return None
    try:
        from rich.console import Console
    except ModuleNotFoundError:
        return None
    return Console()


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where needed: ``1,234 files``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def human_bytes(number: float) -> str:
    """Return a number of bytes with a decimal unit: ``1.5 MB``."""
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
