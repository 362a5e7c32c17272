"""JSON as text: parse it, and spell its values in messages as the file spells them.

Invariant: a text that is over a limit is not parsed. A message holds only printable characters, and a bounded
number of them for each value.
"""

from __future__ import annotations

import json
import reprlib
from typing import Any

from hashserve.errors import ManifestError
from hashserve.manifest.limits import check_amounts, check_size

__all__ = ["described", "member", "parse_json", "quoted"]

LONGEST_QUOTED = 200
"""How many characters of a string a message shows."""


def parse_json(text: bytes | str, source: str) -> Any:
    """Parse JSON. Raises `ManifestError` with the line and column, or the byte, where ``text`` is broken."""
    check_size(len(text), source)
    try:
        if not isinstance(text, str):
            # Decoded here so that the bytes are freed before the document grows: 10 MB for 50,000 files.
            text = text.decode(json.detect_encoding(text), "surrogatepass")
        check_amounts(text, source)
        return json.loads(text)
    except ManifestError:
        raise
    except json.JSONDecodeError as error:
        problem = f"is not valid JSON ({error.msg}); write the file again with the tool that made it"
        raise ManifestError(source, f"line {error.lineno}, column {error.colno}", problem) from error
    except UnicodeDecodeError as error:
        problem = "is not UTF-8 text; write the file again with the tool that made it"
        raise ManifestError(source, f"byte {error.start}", problem) from error
    except RecursionError as error:
        raise ManifestError(source, "", "is nested too deeply for a manifest") from error
    except ValueError as error:
        raise ManifestError(source, "", f"holds a number that is too long: {error}") from error


def quoted(text: str) -> str:
    """Return ``text`` as a JSON string; a long one has dots in place of its middle."""
    if len(text) > LONGEST_QUOTED:
        half = LONGEST_QUOTED // 2
        text = f"{text[:half]}...{text[-half:]}"
    written = json.dumps(text, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in written)


def described(value: object) -> str:
    """Describe a value for a message: as JSON, or by its type if it is an object or a list."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return json.dumps(value)
    names = {dict: "an object", list: "a list", type(None): "nothing"}
    return names.get(type(value)) or reprlib.repr(value)


def member(key: str) -> str:
    """Return the end of a location that names a member of an object: ``["css/app.css"]``."""
    return f"[{quoted(key)}]"
