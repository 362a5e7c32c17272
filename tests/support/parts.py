"""Real parts that tests need: found, or the test is skipped and listed, or fails where all are required."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

__all__ = ["missing", "must_have_all", "require_tool"]


def must_have_all() -> bool:
    """Whether a missing part is a failure here: on CI, or where it is asked for."""
    return os.environ.get("CI") == "true" or os.environ.get("HASHSERVE_REQUIRE_ALL") == "1"


def missing(reason: str) -> NoReturn:
    """Skip the test for want of a part, or fail it where every part is required."""
    if must_have_all():
        pytest.fail(f"{reason}; `make test` installs it where it may")
    pytest.skip(reason)


def require_tool(name: str) -> str:
    """Give the path of an executable; servers are not always in everybody's PATH."""
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
    return shutil.which(name, path=places) or missing(f"{name} is not installed")
