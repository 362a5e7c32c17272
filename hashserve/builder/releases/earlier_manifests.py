"""What a new release follows: the one in force, and one that was built elsewhere.

Invariant: the new release never depends on an old one: what cannot be loaded is reported and done without,
unless the settings require it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hashserve.builder.job import BuildJob
from hashserve.builder.releases.errors import UnreachableError
from hashserve.builder.releases.previous import Place, place_of
from hashserve.errors import BuildError, ManifestError
from hashserve.manifest.model import MANIFEST_NAME, Manifest

__all__ = ["EarlierManifests", "check_place", "earlier_manifests_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierManifests:
    """The manifests that are ``known``, the one ``in_force`` among them, and the other's ``place``."""

    in_force: Manifest | None
    known: Sequence[Manifest]
    place: Place | None


def earlier_manifests_of(job: BuildJob) -> EarlierManifests:
    """Load the manifests that there are. Raises `BuildError` where there is none that is required."""
    in_force = _manifest_in_force(job)
    previous, place = _previous(job)
    known = [manifest for manifest in (in_force, previous) if manifest is not None]
    return EarlierManifests(in_force=in_force, known=known, place=place)


def _manifest_in_force(job: BuildJob) -> Manifest | None:
    """Load the manifest that is in the output; a broken one is reported and built over."""
    location = job.output.location(MANIFEST_NAME)
    try:
        return Manifest.load(location)
    except FileNotFoundError:
        return None
    except (OSError, ManifestError) as error:
        job.find("broken-manifest", location, f"is not used: {error}; its releases are lost")
        return None


def _previous(job: BuildJob) -> tuple[Manifest | None, Place | None]:
    """Load the manifest that ``previous`` names, and give its place; none is a warning, or a failure."""
    where = job.settings.previous
    if where is None:
        return None, None
    place = place_of(where, job.settings.prefix)
    try:
        manifest = place.manifest()
    except (UnreachableError, ManifestError) as error:
        if job.settings.require_previous:
            remedy = "check --previous, or build without --require-previous"
            raise BuildError(where, f"holds no previous release: {error}", remedy) from error
        job.find("previous", where, f"is not brought over: {error}")
        return None, None
    return manifest, place


def check_place(job: BuildJob, place: Place | None) -> None:
    """Raise `BuildError` if files are missing because the previous release went away meanwhile."""
    if place is None:
        return
    try:
        place.manifest()
    except (UnreachableError, ManifestError) as error:
        raise BuildError(
            job.settings.previous or "",
            f"went away while its files were brought over: {error}",
            "build again once it is back, or without --require-previous",
        ) from error
