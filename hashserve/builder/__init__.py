"""The build side: from a source tree to fingerprinted, compressed files and a manifest.

Invariant: the manifest is written last. Until then, the release in force is served as before.
"""

from __future__ import annotations

from hashserve.builder.pipeline import build
from hashserve.builder.releases.prune import PruneReport, prune
from hashserve.builder.report import BuildFinding, BuildReport
from hashserve.settings.build import BuildSettings

__all__ = ["BuildFinding", "BuildReport", "BuildSettings", "PruneReport", "build", "prune"]
