"""Programs that tests need. If one is missing, the test is skipped and listed; under CI it fails."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

__all__ = ["missing", "must_have_all", "require_tool"]


def must_have_all() -> bool:
    """Whether a test with a missing program fails instead of being skipped."""
    return os.environ.get("CI") == "true" or os.environ.get("HASHSERVE_REQUIRE_ALL") == "1"


def missing(reason: str) -> NoReturn:
    """Skip the test because a program is missing, or fail it if every program is required."""
    if must_have_all():
        pytest.fail(f"{reason}; `make test` installs it if it may")
    pytest.skip(reason)


def require_tool(name: str) -> str:
    """Return the location of an executable in PATH, or in /usr/sbin, where Debian installs servers."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
    return shutil.which(name, path=path) or missing(f"{name} is not installed")
