"""The table of rules: what can be wrong with a published folder, how bad it is, and what to do.

Invariant: an id never changes its meaning, because suppressions, dashboards and scripts rely on it.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["RULES", "Level", "Rule"]


class Level(enum.Enum):
    """How bad a finding is, in the values of SARIF 2.1.0, section 3.27.10."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that can be wrong: its id, its level, what it means, what to do."""

    id: str
    level: Level
    description: str
    remedy: str


_BUILD = "build again"

RULES: Mapping[str, Rule] = {
    rule.id: rule
    for rule in (
        # The manifest
        Rule(
            id="manifest-missing",
            level=Level.ERROR,
            description="The folder has no manifest, so no file in it is immutable.",
            remedy="run hashserve build, or name the folder that it wrote",
        ),
        Rule(
            id="manifest-broken",
            level=Level.ERROR,
            description="The manifest cannot be used: a server that starts now fails.",
            remedy=_BUILD,
        ),
        Rule(
            id="manifest-without-digests",
            level=Level.NOTE,
            description="Another tool's manifest states no digests, so it cannot prove content.",
            remedy="build the folder with hashserve build, which keeps that tool's names",
        ),
        # Listed files
        Rule(
            id="file-missing",
            level=Level.ERROR,
            description="The manifest lists a file that is not there: its URL answers 404.",
            remedy="build again, with --previous if an older release lists it",
        ),
        Rule(
            id="file-changed",
            level=Level.ERROR,
            description="A listed file has another size or SHA-256 than the manifest states.",
            remedy="find out what changes files after a build, then build again",
        ),
        Rule(
            id="file-unreadable",
            level=Level.ERROR,
            description="A file or folder cannot be read.",
            remedy="give the server's user permission to read it (chmod a+rX)",
        ),
        Rule(
            id="link-outside",
            level=Level.ERROR,
            description="A link leads out of the folder: by default the server does not follow it.",
            remedy="put the file itself there, or serve with follow_symlinks=True",
        ),
        # Fingerprints
        Rule(
            id="fingerprint-mismatch",
            level=Level.ERROR,
            description="The fingerprint in a name is not that of the content: caches keep wrong bytes.",
            remedy="remove the file and build again; never edit a fingerprinted file",
        ),
        Rule(
            id="query-mismatch",
            level=Level.WARNING,
            description="The query string that versions a file is not the start of its MD5.",
            remedy="run the tool that wrote the manifest again",
        ),
        # Variants
        Rule(
            id="variant-missing",
            level=Level.ERROR,
            description="The manifest lists a variant that is not there.",
            remedy=_BUILD,
        ),
        Rule(
            id="variant-broken",
            level=Level.ERROR,
            description="A listed variant does not decode: it is cut short or damaged.",
            remedy="build again",
        ),
        Rule(
            id="variant-differs",
            level=Level.ERROR,
            description="A listed variant decodes to other bytes than its file, or has another size.",
            remedy="build again",
        ),
        Rule(
            id="variant-unlisted",
            level=Level.WARNING,
            description="The manifest does not list a variant of a fingerprinted file: it is never sent.",
            remedy="run hashserve prune to remove it, or build with its coding in --codings",
        ),
        Rule(
            id="variant-stale",
            level=Level.WARNING,
            description="A variant of an unhashed file does not decode to the current bytes of the file: "
            "hashserve ignores it, but another server may send it.",
            remedy="build again, or delete it",
        ),
        Rule(
            id="variant-older",
            level=Level.WARNING,
            description="A variant of an unhashed file is older than the file, so it counts as stale.",
            remedy="build again, or copy folders with their times (cp -p, rsync --times)",
        ),
        Rule(
            id="unhashed-variant-missing",
            level=Level.NOTE,
            description="An unhashed file lacks a variant that the manifest lists for its content.",
            remedy=_BUILD,
        ),
        # Deltas
        Rule(
            id="delta-missing",
            level=Level.ERROR,
            description="The manifest lists a delta that is not there.",
            remedy=_BUILD,
        ),
        Rule(
            id="delta-broken",
            level=Level.ERROR,
            description="A listed delta does not decode with its dictionary: it is cut short, damaged, or "
            "against another file.",
            remedy=_BUILD,
        ),
        Rule(
            id="delta-differs",
            level=Level.ERROR,
            description="A listed delta decodes to other bytes than its file, or has another size.",
            remedy=_BUILD,
        ),
        Rule(
            id="delta-unproven",
            level=Level.WARNING,
            description="The dictionary of a listed delta is missing or changed: nothing proves the delta.",
            remedy="build again, with --previous if an older release lists the dictionary",
        ),
        Rule(
            id="delta-larger",
            level=Level.NOTE,
            description="A delta is no smaller than the best variant of its file.",
            remedy=_BUILD,
        ),
        Rule(
            id="dictionary-name",
            level=Level.NOTE,
            description="The name of a file keeps it from being a dictionary: no later release has a delta "
            "against it.",
            remedy="rename it in the source, or set the bundler's names to a form like [name]-[hash].js",
        ),
        Rule(
            id="dictionary-shared",
            level=Level.NOTE,
            description="The names of some files differ only in the fingerprint: clients keep one of them as "
            "a dictionary.",
            remedy="rename them in the source, or let the bundler name its chunks after different modules",
        ),
        # References
        Rule(
            id="reference-missing",
            level=Level.WARNING,
            description="A published style sheet, script or page refers to a file that is not there.",
            remedy="add the file to the source or correct the reference, then build again",
        ),
        Rule(
            id="reference-outdated",
            level=Level.ERROR,
            description="A reference names a fingerprint that no release has: its URL answers 404.",
            remedy="build again; if another tool wrote the file, let it write into the source",
        ),
        Rule(
            id="reference-unhashed",
            level=Level.WARNING,
            description="A reference names the unhashed form of a file that has a fingerprinted one: "
            "what it loads is not immutable.",
            remedy="build again, or check with the --js-references of the build",
        ),
        Rule(
            id="bundler-reference",
            level=Level.NOTE,
            description="A file that a bundler named refers to an unhashed file, which is not immutable.",
            remedy="import that file in the bundler's sources, so that the bundler names it",
        ),
        Rule(
            id="source-map-missing",
            level=Level.NOTE,
            description="The source map that a file names is not there; only developer tools load it.",
            remedy="publish the source map, or let the bundler leave its comment out",
        ),
        # Unhashed files
        Rule(
            id="unhashed-missing",
            level=Level.WARNING,
            description="A file of the release in force is not there under its unhashed name.",
            remedy=_BUILD,
        ),
        Rule(
            id="unhashed-differs",
            level=Level.ERROR,
            description="An unhashed file has other bytes than the release in force.",
            remedy=_BUILD,
        ),
        # Sizes
        Rule(
            id="oversize",
            level=Level.WARNING,
            description="A file is larger to load than a file of its kind should be.",
            remedy="make it smaller, split it, or set the limit with --max-size KIND=BYTES",
        ),
        # Other files
        Rule(
            id="leftover",
            level=Level.NOTE,
            description="No retained release lists a fingerprinted file that is on disk.",
            remedy="run hashserve prune to remove it",
        ),
        Rule(
            id="file-unlisted",
            level=Level.WARNING,
            description="No retained release lists a file that is on disk and served.",
            remedy="run hashserve prune to remove what a build made; delete any other file, or add it to the "
            "source",
        ),
        Rule(
            id="case-collision",
            level=Level.WARNING,
            description="Two names differ only in case: many systems cannot hold both.",
            remedy="rename one of them in the source",
        ),
        Rule(
            id="never-served",
            level=Level.WARNING,
            description="The server never answers for a name: it is hidden, or has a backslash.",
            remedy="delete it, or rename it in the source",
        ),
        Rule(
            id="not-a-file",
            level=Level.WARNING,
            description="An entry is neither a folder nor a regular file: a broken link, a pipe, a device.",
            remedy="delete it",
        ),
        Rule(
            id="temporary-file",
            level=Level.WARNING,
            description="A temporary file or an editor's copy was left in the folder.",
            remedy="delete it, unless a build is running",
        ),
    )
}
"""Every rule by its id."""
