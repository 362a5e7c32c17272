"""``hashserve.build("assets", "static")``, and the names that earlier documentation imported from here.

The module is callable, because ``import hashserve.build`` puts the module in the place of a function with
that name. ``from hashserve.build import BuildSettings`` and ``from hashserve.build.check import check``
keep working; new code imports from `hashserve.builder` and `hashserve.check`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from hashserve import check
from hashserve.builder import BuildFinding, BuildReport, BuildSettings, PruneReport, build, prune

__all__ = ["BuildFinding", "BuildReport", "BuildSettings", "PruneReport", "build", "prune"]

Finding = BuildFinding  # its name in earlier documentation


class _CallableModule(ModuleType):
    """A module that calls its function of the same name."""

    def __call__(self, *arguments: Any, **options: Any) -> BuildReport:
        return build(*arguments, **options)


sys.modules[__name__].__class__ = _CallableModule
sys.modules[f"{__name__}.check"] = check
