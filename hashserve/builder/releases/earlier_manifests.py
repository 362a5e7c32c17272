"""What a new release follows: the one in force, and one that was built elsewhere.

Invariant: the new release never depends on an old one: what cannot be loaded is reported and done without,
unless the settings require it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hashserve.builder.output.writer import Output
from hashserve.builder.releases.errors import UnreachableError
from hashserve.builder.releases.previous import Place, place_of
from hashserve.builder.report import BuildReport
from hashserve.builder.settings import BuildSettings
from hashserve.errors import BuildError, ManifestError
from hashserve.manifest.files import MANIFEST_NAME
from hashserve.manifest.model import Manifest

__all__ = ["EarlierManifests", "check_place", "earlier_manifests_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierManifests:
    """The manifests that are ``known``, the one ``in_force`` among them, and the other's ``place``."""

    in_force: Manifest | None
    known: Sequence[Manifest]
    place: Place | None


def earlier_manifests_of(output: Output, settings: BuildSettings, report: BuildReport) -> EarlierManifests:
    """Load the earlier manifests. Raises `BuildError` if the settings require one that cannot be loaded."""
    in_force = _manifest_in_force(output.location(MANIFEST_NAME), report)
    previous, place = None, None
    if settings.previous is not None:
        place = place_of(settings.previous, settings.prefix)
        previous = _previous(settings.previous, place, report, is_required=settings.require_previous)
    known = [manifest for manifest in (in_force, previous) if manifest is not None]
    return EarlierManifests(in_force=in_force, known=known, place=place if previous else None)


def _manifest_in_force(location: str, report: BuildReport) -> Manifest | None:
    """Load the manifest of the output; a broken one is reported and replaced."""
    try:
        return Manifest.load(location)
    except FileNotFoundError:
        return None
    except (OSError, ManifestError) as error:
        report.add("broken-manifest", location, f"is not used: {error}; its releases are lost")
        return None


def _previous(where: str, place: Place, report: BuildReport, *, is_required: bool) -> Manifest | None:
    """Load the manifest of the previous release; one that cannot be loaded is a warning, or a failure."""
    try:
        return place.manifest()
    except (UnreachableError, ManifestError) as error:
        if is_required:
            remedy = "check --previous, or build without --require-previous"
            raise BuildError(where, f"holds no previous release: {error}", remedy) from error
        report.add("previous", where, f"is not brought over: {error}")
        return None


def check_place(place: Place | None, where: str) -> None:
    """Raise `BuildError` if files are missing because the previous release went away meanwhile."""
    if place is None:
        return
    try:
        place.manifest()
    except (UnreachableError, ManifestError) as error:
        raise BuildError(
            where,
            f"went away while its files were brought over: {error}",
            "build again once it is back, or without --require-previous",
        ) from error
