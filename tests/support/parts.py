"""Parts that tests need. If one is missing, the test is skipped and counted under it; under CI it fails.

Invariant: under CI, a test is skipped for a part only if this distribution has no package of it.
"""

from __future__ import annotations

import glob
import os
from typing import NoReturn

import pytest
from _pytest.outcomes import Skipped

from tests.support.system_parts import PARTS, Part, absence, find_executable, is_in_distribution

__all__ = [
    "PartMissing",
    "missing",
    "must_have_all",
    "parts_of_server",
    "require_file",
    "require_part",
    "require_tool",
]

_SERVERS = {
    "bjoern": ("C compiler", "libev's headers", "Python's headers"),
    "mod_wsgi": ("mod_wsgi",),
    "mod_wsgi embedded": ("mod_wsgi",),
    "nginx": ("nginx", "nginx brotli"),
    "Caddy": ("caddy",),
}


class PartMissing(Skipped):  # as the base is called
    """A test is skipped because a part is missing."""

    def __init__(self, reason: str, part: str) -> None:
        super().__init__(reason)
        self.part = part


def must_have_all() -> bool:
    """Whether a test with a missing part fails instead of being skipped."""
    return os.environ.get("CI") == "true" or os.environ.get("HASHSERVE_REQUIRE_ALL") == "1"


def missing(reason: str, *parts: str) -> NoReturn:
    """Skip the test, or fail it if every part is required.

    Name the parts of the system that can be the cause, if any.
    """
    part = next((PARTS[name] for name in parts if absence(PARTS[name]) is not None), None)
    if must_have_all() and (part is None or is_in_distribution(part)):
        pytest.fail(f"{reason}; `make system-packages` installs it" if part else reason)
    if part is None:
        pytest.skip(reason)
    raise PartMissing(f"{part.name}: {absence(part)}", part.name)


def require_tool(command: str) -> str:
    """Return the location of a command that runs here: that of a part, or one that every system has."""
    part = next((part for part in PARTS.values() if part.command == command), None)
    if part is not None:
        _require(part)
    return find_executable(command) or missing(f"{command} is not installed")


def require_file(name: str) -> str:
    """Return the first file of a part."""
    part = _require(PARTS[name])
    return next(path for pattern in part.files for path in sorted(glob.glob(pattern)))


def require_part(name: str) -> None:
    """Skip the test, or fail it, if a part is missing."""
    _require(PARTS[name])


def _require(part: Part) -> Part:
    reason = absence(part)
    return part if reason is None else missing(reason, part.name)


def parts_of_server(name: str) -> tuple[str, ...]:
    """Return the parts of the system that a server of the benchmarks needs."""
    return _SERVERS.get(name, ())
