"""A WSGI client that shows every byte of request and response.

Every call runs through `wsgiref.validate` and WebTest's lint, so that the whole suite also checks conformance
to PEP 3333.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from wsgiref import validate
from wsgiref.util import setup_testing_defaults

from webtest import lint  # type: ignore[import-untyped]

Headers = list[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A response: the status code, the fields in order, and the whole body."""

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
        """Return every value of a field."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


APPLICATION_BODY = b"the application's own"


def wrapped_application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer every request with 200, so that a test sees that it reached the application."""
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(APPLICATION_BODY)))]
    start_response("200 OK", headers)
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else APPLICATION_BODY]


def request(
    application: Callable[..., Iterable[bytes]],
    path: str,
    environ: dict[str, Any] | None = None,
    /,
    *,
    method: str = "GET",
    query: str = "",
    script_name: str = "",
    **fields: str,
) -> Reply:
    """Send one request and return the response.

    ``path`` is text, sent as UTF-8. ``environ`` is added to the environ of the request. ``fields`` are
    header fields, with underscores in their names: ``if_none_match='"x"'``.
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
    written: list[bytes] = []

    def start_response(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
        started.append((status, list(headers)))
        headers.append(("X-Added-By-The-Server", "1"))  # the iterable must be the server's own
        return written.append

    with warnings.catch_warnings():
        # Both warn about unknown methods, which tests send on purpose.
        warnings.filterwarnings("ignore", category=lint.WSGIWarning)
        warnings.filterwarnings("ignore", category=validate.WSGIWarning)
        body = validate.validator(lint.middleware(application))(given, start_response)
        try:
            content = b"".join([*written, *body])
        finally:
            body.close()  # type: ignore[attr-defined]  # the validator's always has one
    status, headers = started[-1]
    return Reply(status=int(status[:3]), headers=headers, body=content)
