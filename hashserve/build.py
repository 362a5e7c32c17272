"""The build as one function: ``hashserve.build("assets", "static")``.

This module stands for two things. It is callable, so that ``hashserve.build(...)`` works whether or
not the module was imported. And it keeps ``from hashserve.build import build, BuildSettings`` and
``from hashserve.build.check import check`` working, which earlier documentation named; their places
are `hashserve.builder` and `hashserve.check`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from hashserve import check
from hashserve.builder import BuildFinding, BuildReport, BuildSettings, PruneReport, build, prune

__all__ = ["BuildFinding", "BuildReport", "BuildSettings", "PruneReport", "build", "prune"]

Finding = BuildFinding  # the name that earlier documentation gave it


class _CallableModule(ModuleType):
    def __call__(self, *arguments: Any, **options: Any) -> BuildReport:
        return build(*arguments, **options)


sys.modules[__name__].__class__ = _CallableModule
sys.modules[f"{__name__}.check"] = check
