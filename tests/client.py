"""A WSGI client that hides nothing: what goes in and what comes out, to the byte.

Every call runs through `wsgiref.validate` and WebTest's lint, so that the whole suite checks
conformance to PEP 3333 by the way.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

from webtest import lint

Headers = list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What an application answered: the status code, the fields in order, and the whole body."""

    status: int
    headers: Headers
    body: bytes

    def __getitem__(self, name: str) -> str:
        values = self.all(name)
        assert len(values) == 1, f"{name} is there {len(values)} times in {self.headers}"
        return values[0]

    def __contains__(self, name: str) -> bool:
        return bool(self.all(name))

    def all(self, name: str) -> list[str]:
        """Give every value of a field."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


def request(
    application: Callable[..., Iterable[bytes]],
    path: str,
    *,
    method: str = "GET",
    query: str = "",
    script_name: str = "",
    environ: dict[str, Any] | None = None,
    **fields: str,
) -> Reply:
    """Send one request. ``path`` is text (its UTF-8 is sent); ``fields`` are header fields by name.

    Field names are written with underscores: ``if_none_match='"x"'``.
    """
    given: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path.encode("utf-8", "surrogateescape").decode("latin-1"),
        "SCRIPT_NAME": script_name,
        "QUERY_STRING": query,
        **{f"HTTP_{name.upper()}": value for name, value in fields.items()},
        **(environ or {}),
    }
    setup_testing_defaults(given)
    started: list[tuple[str, Headers]] = []

    def start_response(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
        started.append((status, list(headers)))
        headers.append(("X-Added-By-The-Server", "1"))  # what is handed over must be the server's own
        return lambda data: None

    with warnings.catch_warnings():
        # The lint warns of any method it does not know; the tests send such on purpose.
        warnings.filterwarnings("ignore", category=lint.WSGIWarning)
        body = validator(lint.middleware(application))(given, start_response)
        try:
            content = b"".join(body)
        finally:
            body.close()  # type: ignore[attr-defined]  # the validator's always has one
    status, headers = started[-1]
    return Reply(status=int(status[:3]), headers=headers, body=content)
