"""The releases that a build knows before it starts: those in the output, and those of the previous release.

Invariant: a build never depends on an old release, unless the settings require it. A manifest that cannot
be loaded is reported, and the build goes on without it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from hashserve.builder.releases.errors import UnreachableError, without_password
from hashserve.builder.releases.previous import PreviousRelease, open_previous
from hashserve.builder.releases.retention import OldRelease, old_releases
from hashserve.builder.report import BuildReport
from hashserve.errors import BuildError, ManifestError
from hashserve.manifest.model import Manifest
from hashserve.settings.build import BuildSettings

__all__ = ["KnownReleases", "check_reachable", "load_known_releases"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownReleases:
    """The known ``manifests``; one of them may be ``in_force``, and one that of the ``previous`` release."""

    in_force: Manifest | None
    manifests: Sequence[Manifest]
    previous: PreviousRelease | None

    @property
    def foreign(self) -> Manifest | None:
        """Return the manifest of the previous release, which is not trusted."""
        return next((item for item in self.manifests if item is not self.in_force), None)

    def releases_of(self, manifest: Manifest, now: int) -> list[OldRelease]:
        """Return the releases of one of the manifests, if the new release replaces them ``now``."""
        return old_releases(manifest, now, is_foreign=manifest is not self.in_force)


def load_known_releases(
    manifest_location: str, settings: BuildSettings, report: BuildReport
) -> KnownReleases:
    """Load the manifest of the output, at ``manifest_location``, and that of the previous release.

    Raises `BuildError` where the settings require the previous release and it cannot be loaded.
    """
    in_force = _manifest_in_force(manifest_location, report)
    manifest, previous = None, open_previous(settings)
    if previous is not None:
        where = without_password(settings.previous or "")
        manifest = _previous_manifest(where, previous, report, settings.require_previous)
    return KnownReleases(
        in_force=in_force,
        manifests=[item for item in (in_force, manifest) if item is not None],
        previous=None if manifest is None else previous,
    )


def check_reachable(previous: PreviousRelease | None, where: str) -> None:
    """Raise `BuildError` where the previous release cannot be loaded any more."""
    if previous is None:
        return
    try:
        previous.manifest()
    except (UnreachableError, ManifestError) as error:
        raise BuildError(
            without_password(where),
            f"the previous release became unreachable during the build: {error}",
            "build again when it is back, or without {setting:require_previous}",
        ) from error


def _manifest_in_force(location: str, report: BuildReport) -> Manifest | None:
    """Load the manifest of the output; a broken one is reported, and the build replaces it.

    Raises `BuildError` for a folder of that name, which no build replaces.
    """
    if os.path.isdir(location) and not os.path.islink(location):
        raise BuildError(location, "is a folder, but the manifest has that name", "remove or rename it")
    try:
        return Manifest.load(location)
    except FileNotFoundError:
        return None
    except (OSError, ManifestError) as error:
        problem = error.detail if isinstance(error, ManifestError) else error.strerror or str(error)
        report.add("broken-manifest", location, f"cannot be used, so its releases are dropped: {problem}")
        return None


def _previous_manifest(
    where: str, previous: PreviousRelease, report: BuildReport, is_required: bool
) -> Manifest | None:
    """Load the manifest of the previous release; one that cannot be loaded is reported, or an error."""
    try:
        return previous.manifest()
    except (UnreachableError, ManifestError) as error:
        if is_required:
            raise BuildError(
                where,
                f"the previous release cannot be loaded: {error}",
                "check {setting:previous}, or build without {setting:require_previous}",
            ) from error
        report.add("previous", where, f"the previous release is not used: {error}")
        return None
