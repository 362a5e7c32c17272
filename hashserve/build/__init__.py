"""The build side: from a source tree to fingerprinted, compressed files and a manifest.

Law: the manifest is written last. Whatever happens before that moment, the release that was in
force is served as it was.
"""

from __future__ import annotations

from hashserve.build.pipeline import build
from hashserve.build.prune import PruneReport, prune
from hashserve.build.report import BuildReport, Finding
from hashserve.build.settings import BuildSettings

__all__ = ["BuildReport", "BuildSettings", "Finding", "PruneReport", "build", "prune"]
