"""The command ``hashserve build``: its arguments, and what it shows."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from hashserve.cli.progress import progress
from hashserve.cli.summary import summary_lines
from hashserve.cli.terminal import show
from hashserve.errors import SettingError

if TYPE_CHECKING:
    from hashserve.builder import BuildSettings

__all__ = ["add_build"]

EPILOG = """\
exit codes: 0 built; 1 nothing was published, and the message says why; 2 arguments that mean nothing;
130 or 143 interrupted by SIGINT or SIGTERM.
"""

DEFAULT_WAIT = 600.0
"""For how many seconds ``--wait`` waits where it does not say."""


def add_build(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    parser = commands.add_parser(
        "build",
        help="fingerprint and compress static files",
        description="Build source folders into one folder that HashServe serves.",
        epilog=EPILOG,
    )
    add = parser.add_argument
    add("source", nargs="+", help="a folder of static files; of several, the first that has a path wins")
    add("--out", required=True, help="the folder to build into")
    add("--prefix", default="/static/", help="the URL path that it will be served under (%(default)s)")
    add("--ignore", action="append", metavar="PATTERN", help="names to leave out, beside CVS, .* and *~")
    add("--codings", default="br,gzip", help="content codings of the variants (%(default)s)")
    add("--digest", default="md5", help="what fingerprints are taken from (%(default)s, as Django)")
    add("--digest-length", type=int, default=12, help="hexadecimal digits of it (%(default)s)")
    add(
        "--js-references",
        default="rewrite",
        help="which references in scripts are rewritten: rewrite, import-map or off (%(default)s)",
    )
    add("--import-map", metavar="FILE", help="write an import map of all scripts, with integrity, to FILE")
    add(
        "--bare",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="a bare specifier for the import map, and the logical path that it stands for",
    )
    add(
        "--already-hashed",
        action="append",
        default=[],
        metavar="GLOB",
        help="paths that another tool fingerprinted: they keep their name",
    )
    add(
        "--bundler-manifest",
        action="append",
        default=[],
        metavar="FILE",
        help="another tool's manifest that is not found by its name, as webpack's manifest.json: what it "
        "lists keeps its name",
    )
    add("--html", action="store_true", help="rewrite what pages load (images, styles, scripts) too")
    add("--strict", action="store_true", help="fail, and publish nothing, if anything is found wrong")
    add("--keep", type=int, default=3, help="releases that stay served, the new one counted (%(default)s)")
    add("--keep-days", type=float, default=30, help="and those replaced within so many days (%(default)s)")
    add("--previous", metavar="WHERE", help="a folder or a URL that has the last release")
    add("--require-previous", action="store_true", help="fail if that cannot be had")
    add("--cache", metavar="DIR", help="a folder where compressed files are kept between builds")
    add(
        "--wait",
        nargs="?",
        type=_seconds,
        default=0.0,
        const=DEFAULT_WAIT,
        metavar="SECONDS",
        help=f"wait for another build into the same folder, {DEFAULT_WAIT:.0f} s at most or so many",
    )
    add("--json", action="store_true", help="write the report as JSON to standard output")
    add("--quiet", action="store_true", help="no summary and no progress bar")
    parser.set_defaults(run=_build)


def _build(arguments: argparse.Namespace) -> int:
    from hashserve.builder import build

    with progress(shown=not (arguments.quiet or arguments.json)) as on_progress:
        report = build(arguments.source, arguments.out, _settings(arguments), on_progress=on_progress)
    if arguments.json:
        print(json.dumps(report.as_json(), indent=2))
    elif not arguments.quiet:
        show(summary_lines(report, arguments.out))
    return 0


def _settings(arguments: argparse.Namespace) -> BuildSettings:
    from hashserve.builder import BuildSettings
    from hashserve.builder.naming.fingerprinter import Fingerprinter
    from hashserve.builder.sources.tree import DEFAULT_IGNORE

    return BuildSettings(
        prefix=arguments.prefix,
        ignore=(*DEFAULT_IGNORE, *(arguments.ignore or ())),
        codings=tuple(filter(None, arguments.codings.split(","))),
        fingerprinter=Fingerprinter(digest=arguments.digest, length=arguments.digest_length),
        js_references=arguments.js_references,
        import_map=arguments.import_map,
        import_map_bare=dict(map(_bare, arguments.bare)),
        already_hashed=tuple(arguments.already_hashed),
        bundler_manifests=tuple(arguments.bundler_manifest),
        html=arguments.html,
        strict=arguments.strict,
        keep=arguments.keep,
        keep_days=arguments.keep_days,
        previous=arguments.previous,
        require_previous=arguments.require_previous,
        cache=arguments.cache,
        wait=arguments.wait,
    )


def _seconds(argument: str) -> float:
    """Read a number of seconds; a folder may have been meant for one, since the number can be left out."""
    try:
        return float(argument)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"expected seconds, found {argument!r}; put folders first, or write --wait=600"
        ) from None


def _bare(argument: str) -> tuple[str, str]:
    name, equals, path = argument.partition("=")
    if not (name and equals and path):
        raise SettingError("bare", argument, "must be NAME=PATH, as in three=js/three.module.js")
    return name, path
