"""The command ``hashserve report``: the releases that a built folder serves, and the steps between them."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Mapping
from typing import Any

from hashserve.cli.release_steps import step_facts, step_table
from hashserve.cli.terminal import counted, human_bytes, show
from hashserve.manifest.discovery import MANIFEST_NAME
from hashserve.manifest.model import Manifest
from hashserve.release_steps import release_steps

__all__ = ["add_report"]

EPILOG = """\
exit codes: 0 done; 1 the folder has no manifest that can be read; 2 wrong arguments.
"""


def add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "report",
        help="list the releases that a built folder serves",
        description="List the releases that a built folder serves, with their number of files and bytes, and "
        "what a returning visitor downloads from release to release, with deltas and without.",
        epilog=EPILOG,
    )
    parser.add_argument("out", metavar="OUT", help="The folder that hashserve build wrote.")
    parser.add_argument("--json", action="store_true", help="Write the report as JSON to standard output.")
    parser.set_defaults(run=_report, names={})


def _report(arguments: argparse.Namespace) -> int:
    path = os.path.join(arguments.out, MANIFEST_NAME)
    try:
        manifest = Manifest.load(path)
    except OSError as error:
        from hashserve.errors import BuildError

        raise BuildError(path, f"cannot be read: {error.strerror}", "build the folder first") from error
    facts, steps = _facts(manifest), list(release_steps(manifest))
    if arguments.json:
        print(json.dumps({**facts, "steps": list(map(step_facts, steps))}, indent=2))
    else:
        show(("", line) for line in _text_lines(arguments.out, facts))
        show(step_table(steps))
    return 0


def _facts(manifest: Manifest) -> dict[str, Any]:
    """Return what a manifest lists: sizes in bytes, times in seconds since the epoch."""
    in_force = set(manifest.paths.values())
    releases = [
        {"id": release.id, "created": release.created, "own_files": _own_files(in_force, release.changed)}
        for release in manifest.releases
    ]
    return {
        "release": manifest.release,
        "created": manifest.created,
        "prefix": manifest.prefix,
        "files": len(in_force),
        "retained_files": len(set(manifest.files) - in_force),
        "bytes": _bytes(manifest, in_force),
        "releases": releases,
    }


def _own_files(in_force: set[str], changed: Mapping[str, str | None]) -> int:
    """Count the files of an older release that the release ``in_force`` does not have."""
    return len({path for path in changed.values() if path is not None} - in_force)


def _bytes(manifest: Manifest, paths: set[str]) -> dict[str, int]:
    """Add up the sizes of a release's files, for each content coding. A file of unknown size counts 0."""
    sums = dict.fromkeys(("identity", *manifest.codings), 0)
    for path in paths:
        record = manifest.record(path)
        if record is None:
            continue
        sums["identity"] += record.size or 0
        for coding, size in record.variants.items():
            sums[coding] += size
    return sums


def _text_lines(out: str, facts: dict[str, Any]) -> list[str]:
    sizes = ", ".join(f"{human_bytes(size)} {coding}" for coding, size in facts["bytes"].items())
    lines = [
        f"{out} serves release {facts['release'] or '(without an id)'} of {_moment(facts['created'])}",
        f"  {counted(facts['files'], 'file')}: {sizes}",
    ]
    for release in facts["releases"]:
        own = counted(release["own_files"], "file")
        lines.append(f"  and release {release['id']} of {_moment(release['created'])}, {own} of its own")
    return lines


def _moment(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds)) if seconds else "an unknown date"
