"""What servers change in a request or a response, with the reason.

Invariant: a server that changes anything else, or no longer changes this, fails
`tests.integration.test_server_matrix`. ``docs/servers.md`` has the same table.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.support.exchanges import EXCHANGES, Exchange

__all__ = [
    "CLOSES",
    "INTERFERENCES",
    "NO_ANSWER",
    "NO_DATE",
    "NO_NEXT",
    "PAGE",
    "PERSISTENT",
    "Interference",
    "expected_outcome",
    "table",
    "with_table",
]

PAGE = Path(__file__).parents[2] / "docs" / "servers.md"

PERSISTENT = (
    "gunicorn gthread",
    "waitress",
    "granian",
    "cheroot",
    "bjoern",
    "fastpysgi",
    "mod_wsgi",
    "mod_wsgi embedded",
)
"""Servers that keep a connection for the next request."""

NO_DATE = ("pyuwsgi", "bjoern")
"""Servers that send no Date, against section 6.6.1; a cache in front adds it."""

NOT_IN_ORDER = ("bjoern",)
"""Servers that lose pipelined requests (RFC 9112, section 9.3.2)."""

WAITS = ("waitress", "mod_wsgi")
"""Servers that keep the connection open if a file ends early while it is sent, so the client waits."""

STOPS = ("fastpysgi",)
"""Servers whose process ends if a body fails, for example because its file ends early."""

CLOSES = "then closes"
NO_ANSWER = "no answer"
NO_NEXT = "no answer to the next request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interference:
    """A change that some servers make in some rows.

    ``outcome`` is a text of `tests.support.exchanges.difference`.
    """

    servers: tuple[str, ...]
    rows: tuple[str, ...]
    outcome: str
    because: str


def names_where(**wanted: object) -> tuple[str, ...]:
    """Return the names of the rows that have these attributes."""
    return tuple(
        row.name for row in EXCHANGES if all(getattr(row, name) == value for name, value in wanted.items())
    )


APACHE = ("mod_wsgi", "mod_wsgi embedded")
BARE = tuple({*names_where(status=304), *names_where(status=204)})
HEADS = names_where(method="HEAD")

INTERFERENCES = (
    Interference(
        servers=("waitress",),
        rows=tuple(name for name in BARE if name != "HTTP/1.0, not modified"),
        outcome=CLOSES,
        because="it closes the connection after responses without a Content-Length, such as 304 and 204",
    ),
    Interference(
        servers=("wsgiref", "fastpysgi"),
        rows=tuple(name for name in BARE if name not in HEADS),
        outcome="content-length: 0",
        because="it adds a Content-Length to 204 and 304",
    ),
    Interference(
        servers=("wsgiref",),
        rows=tuple(name for name in BARE if name in HEADS),
        outcome="content-length: 0",
        because="it adds a Content-Length to a 304 to HEAD",
    ),
    Interference(
        servers=("fastpysgi",),
        rows=HEADS,
        outcome="content-length: 0",
        because="it replaces the Content-Length of a response to HEAD",
    ),
    Interference(
        servers=("fastpysgi",),
        rows=("/static/%C3%A9.txt", "/static/%c3%a9.txt"),
        outcome="the application's",
        because="it decodes paths as UTF-8, against PEP 3333 (one character for each byte), "
        "so hashserve does not find names outside ASCII",
    ),
    Interference(
        servers=("fastpysgi",),
        rows=("/static/%E9.txt", "/static/ten.txt%00", "/static/ten.txt%00.css"),
        outcome="400",
        because="it refuses paths that are not UTF-8, and NUL",
    ),
    Interference(
        servers=APACHE,
        rows=("/static/ten.txt%00", "/static/ten.txt%00.css"),
        outcome="404",
        because="it refuses NUL",
    ),
    Interference(
        servers=("gunicorn sync", "gunicorn gthread", "waitress", "cheroot", "bjoern", "fastpysgi"),
        rows=("/static/é.txt, not encoded",),
        outcome="400",
        because="it refuses bytes in a request line that should be percent-encoded",
    ),
    Interference(
        servers=("bjoern", "fastpysgi", *APACHE),
        rows=("/static/ten.txt%", "/static/ten.txt%zz"),
        outcome="400",
        because="it refuses an incomplete percent-encoding",
    ),
    Interference(
        servers=("pyuwsgi",),
        rows=("/static/ten.txt%",),
        outcome="the file",
        because="it drops a percent sign at the end",
    ),
    Interference(
        servers=("cheroot", "fastpysgi", *APACHE),
        rows=("/static/css%2Fstyles.css", "/static%2Ften.txt"),
        outcome="the application's",
        because="it does not decode an encoded slash (Apache: with `AllowEncodedSlashes NoDecode`), "
        "and no name contains `%2F`",
    ),
    Interference(
        servers=("pyuwsgi", *APACHE),
        rows=("/static/css/../ten.txt", "/static/./ten.txt"),
        outcome="the file",
        because="it resolves `.` and `..` itself, never above the top",
    ),
    Interference(
        servers=APACHE,
        rows=("/static//ten.txt",),
        outcome="the file",
        because="it merges slashes",
    ),
    Interference(
        servers=("waitress", "wsgiref", *APACHE),
        rows=("//static/ten.txt",),
        outcome="the file",
        because="it merges slashes at the start of a path",
    ),
    Interference(
        servers=("cheroot",),
        rows=("//static/ten.txt", "absolute form"),
        outcome="400",
        because="it takes the text after two slashes as a host, and refuses requests to a proxy",
    ),
    Interference(
        servers=("pyuwsgi", "fastpysgi", "wsgiref"),
        rows=("absolute form",),
        outcome="the application's",
        because="it passes `http://host/path` as the path (against RFC 9112, section 3.2.2)",
    ),
    Interference(
        servers=("bjoern", "fastpysgi"),
        rows=("UNHEARD",),
        outcome="400",
        because="it only accepts the methods of its own list",
    ),
    Interference(
        servers=APACHE,
        rows=("TRACE",),
        outcome="262 bytes instead of 23",
        because="it answers TRACE itself; with `TraceEnable off` by a 405",
    ),
    Interference(
        servers=APACHE,
        rows=("asterisk form",),
        outcome="no body",
        because="it answers `OPTIONS *` itself",
    ),
    Interference(
        servers=("gunicorn sync", "gunicorn gthread", "bjoern", "fastpysgi", *APACHE),
        rows=("Expect of something else",),
        outcome="417",
        because="it refuses unknown expectations (section 10.1.1 allows that)",
    ),
    Interference(
        servers=("waitress",),
        rows=("Expect: 100-continue, no body",),
        outcome=NO_ANSWER,
        because="it waits for a body that was not announced; real clients do not send this",
    ),
    Interference(
        servers=("bjoern",),
        rows=("Expect: 100-continue, no body",),
        outcome=NO_NEXT,
        because="the same, after the response",
    ),
    Interference(
        servers=("mod_wsgi",),
        rows=("Expect: 100-continue, no body",),
        outcome=CLOSES,
        because="the same, but it closes the connection",
    ),
    Interference(
        servers=("cheroot",),
        rows=("HTTP/1.0, kept",),
        outcome=CLOSES,
        because="it keeps no HTTP/1.0 connection",
    ),
)


def expected_outcome(server: str, exchange: Exchange) -> str:
    """Return the expected difference of an exchange on a server: empty, or that of an interference."""
    found = [each.outcome for each in INTERFERENCES if server in each.servers and exchange.name in each.rows]
    outcomes = [*dict.fromkeys(found)]
    assert len(outcomes) < 2, f"{server} interferes with {exchange.name} in two ways"
    if outcomes and (outcomes[0].isdigit() or outcomes[0] in (NO_ANSWER, NO_NEXT, CLOSES)):
        return outcomes[0]
    closing = [] if server in PERSISTENT and is_persistent(exchange) else [CLOSES]
    return ", ".join(outcomes + closing)


def is_persistent(exchange: Exchange) -> bool:
    """Return whether the connection must be kept after an exchange (RFC 9112, section 9.3)."""
    option = exchange.fields.get("Connection")
    return option == "keep-alive" if exchange.version == "1.0" else option != "close"


def table() -> str:
    """Return the interferences as a table in Markdown."""
    lines = ["| server | request | what comes back | why |", "| --- | --- | --- | --- |"]
    for each in INTERFERENCES:
        rows = "; ".join(_code(row) for row in sorted(each.rows)[:4]) + (
            " and others" if len(each.rows) > 4 else ""
        )
        lines.append(f"| {', '.join(each.servers)} | {rows} | {each.outcome} | {each.because} |")
    return "\n".join(lines) + "\n"


def _code(row: str) -> str:
    return f"`{row}`" if "/" in row and "HTTP" not in row else row


BEGIN, END = "<!-- interferences: begin -->\n", "<!-- interferences: end -->"


def with_table(page: str) -> str:
    """Return the page with the current table."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}{table()}{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
