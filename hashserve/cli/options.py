"""The options of a command, made from a table of settings.

Invariant: the name of an option, its help, its default and the check of its value come from the table alone.
An error shows the option and the value as the user wrote them.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hashserve.errors import SettingError
from hashserve.settings import Setting

__all__ = ["Table", "add_options", "given_settings", "message_of", "option_names"]

Table = Mapping[str, Setting]

Parse = Callable[[str], Any]
"""Turns the text of an option into a value for the setting's check. Raises `ValueError`."""


def add_options(
    parser: argparse.ArgumentParser, rows: Iterable[Setting], special: Mapping[str, Mapping[str, Any]] = {}
) -> None:
    """Add the option of each row that has one; ``special`` has other arguments for argparse, by setting."""
    for row in rows:
        if row.option:
            parser.add_argument(row.option, **{**_arguments(row), **special.get(row.name, {})})


def _arguments(row: Setting) -> dict[str, Any]:
    arguments: dict[str, Any] = {"dest": row.name, "default": argparse.SUPPRESS, "help": _help(row)}
    if isinstance(row.default, bool):
        return {**arguments, "action": "store_true"}
    if _is_repeated(row):
        arguments["action"] = "append"
    return {**arguments, "metavar": row.metavar or None}


def _help(row: Setting) -> str:
    text = row.help
    if _is_repeated(row):
        text += " May be repeated."
    elif row.default and not isinstance(row.default, bool):
        text += f" (default: {row.default})"
    return text.replace("%", "%%")


def _is_repeated(row: Setting) -> bool:
    return isinstance(row.default, (tuple, Mapping))


def given_settings(
    arguments: argparse.Namespace, table: Table, parsers: Mapping[str, Parse] = {}
) -> dict[str, Any]:
    """Return the values of the options on the command line, by setting. Raises `SettingError`.

    ``parsers`` parse values that are neither text nor numbers. Each occurrence of a repeated option is parsed
    by itself.
    """
    return {
        name: _value(row, getattr(arguments, name), parsers.get(name, _parser_for(row)))
        for name, row in table.items()
        if hasattr(arguments, name)
    }


def _value(row: Setting, given: Any, parse: Parse) -> Any:
    texts = given if isinstance(given, list) else [given]
    parsed = []
    for text in texts:
        try:
            value = parse(text) if isinstance(text, str) else text
            row.check(_combined(row, [value]))
        except ValueError as error:
            raise SettingError(row.name, text, str(error)) from None
        parsed.append(value)
    return _combined(row, parsed)


def _combined(row: Setting, parsed: list[Any]) -> Any:
    if isinstance(row.default, Mapping):
        return {name: value for pairs in parsed for name, value in pairs.items()}
    if isinstance(row.default, tuple):
        return tuple(item for items in parsed for item in items)
    return parsed[-1]


def _parser_for(row: Setting) -> Parse:
    if isinstance(row.default, (int, float)):
        return _number
    return _single if _is_repeated(row) else str


def _number(text: str) -> int | float | str:
    """Return a number, or the text if it is not one, so that the check says what it must be."""
    try:
        number = float(text)
    except ValueError:
        return text
    return int(text) if text.strip().lstrip("+-").isdecimal() else number


def _single(text: str) -> tuple[str]:
    return (text,)


def option_names(table: Table) -> dict[str, str]:
    """Return the name of each option by the name of its setting."""
    return {name: row.option for name, row in table.items() if row.option}


def message_of(error: SettingError) -> str:
    """Write an error as the user wrote the option: ``--keep=0: must be a whole number, 1 or more``."""
    if isinstance(error.value, bool) or not isinstance(error.value, (str, int, float)):
        return f"{error.name}: {error.problem}"  # an option without a value, or with several
    return f"{error.name}={shlex.quote(str(error.value))}: {error.problem}"
