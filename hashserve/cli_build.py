"""``hashserve build``: its arguments, its progress bar, its summary."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hashserve.errors import SettingError

if TYPE_CHECKING:
    from hashserve.build import BuildReport, BuildSettings
    from hashserve.build.pipeline import Progress

__all__ = ["add_build", "counted", "human_bytes", "progress", "summary"]

EPILOG = """\
exit codes: 0 built; 1 nothing was published, and the message says why; 2 arguments that mean nothing;
130 or 143 interrupted by SIGINT or SIGTERM.
"""


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
    add("--strict", action="store_true", help="fail, and publish nothing, if anything is found wrong")
    add("--keep", type=int, default=3, help="releases that stay served, the new one counted (%(default)s)")
    add("--keep-days", type=float, default=30, help="and those replaced within so many days (%(default)s)")
    add("--previous", metavar="WHERE", help="a folder or a URL that has the last release")
    add("--require-previous", action="store_true", help="fail if that cannot be had")
    add("--cache", metavar="DIR", help="a folder where compressed files are kept between builds")
    add("--json", action="store_true", help="write the report as JSON to standard output")
    add("--quiet", action="store_true", help="no summary and no progress bar")
    parser.set_defaults(run=_build)


def _build(arguments: argparse.Namespace) -> int:
    from hashserve.build import build

    with progress(shown=not (arguments.quiet or arguments.json)) as on_progress:
        report = build(arguments.source, arguments.out, _settings(arguments), on_progress=on_progress)
    if arguments.json:
        print(json.dumps(report.as_json(), indent=2))
    elif not arguments.quiet:
        print(summary(report, arguments.out))
    return 0


def _settings(arguments: argparse.Namespace) -> BuildSettings:
    from hashserve.build import BuildSettings
    from hashserve.build.fingerprint import Fingerprinter
    from hashserve.build.source import DEFAULT_IGNORE

    return BuildSettings(
        prefix=arguments.prefix,
        ignore=(*DEFAULT_IGNORE, *(arguments.ignore or ())),
        codings=tuple(filter(None, arguments.codings.split(","))),
        fingerprinter=Fingerprinter(digest=arguments.digest, length=arguments.digest_length),
        js_references=arguments.js_references,
        import_map=arguments.import_map,
        import_map_bare=dict(map(_bare, arguments.bare)),
        already_hashed=tuple(arguments.already_hashed),
        strict=arguments.strict,
        keep=arguments.keep,
        keep_days=arguments.keep_days,
        previous=arguments.previous,
        require_previous=arguments.require_previous,
        cache=arguments.cache,
    )


def _bare(argument: str) -> tuple[str, str]:
    name, equals, path = argument.partition("=")
    if not (name and equals and path):
        raise SettingError("bare", argument, "must be NAME=PATH, as in three=js/three.module.js")
    return name, path


@contextmanager
def progress(*, shown: bool) -> Iterator[Progress]:
    """Show a progress bar on a terminal; elsewhere nothing, since nobody watches a log fill."""
    if not shown or not sys.stderr.isatty():
        yield lambda step, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def on_progress(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done)

        yield on_progress


def summary(report: BuildReport, out: str) -> str:
    """Write a report for a person to read."""
    files, rewritten = counted(report.files, "file"), counted(report.rewritten_references, "reference")
    lines = [
        f"{files}, {human_bytes(report.source_bytes)}, built in {report.seconds:.1f} s into {out}",
        f"  {report.written} written, {report.reused} as they were, {rewritten} rewritten",
    ]
    for coding, size in sorted(report.coded_bytes.items()):
        source = report.coded_source_bytes[coding]
        saved = 1 - size / source
        lines.append(f"  {coding:<5} {human_bytes(size)} instead of {human_bytes(source)}, {saved:.0%} saved")
    if report.retained_releases:
        lines.append(
            f"  {counted(report.retained_releases, 'older release')} still served, "
            f"with {counted(report.retained_files, 'file')} of their own"
        )
    lines.append(f"  release {report.release} is in force")
    warnings = report.warnings
    if warnings:
        lines.append(f"{counted(len(warnings), 'warning')}:")
        lines += [f"  {finding}" for finding in warnings]
    return "\n".join(lines)


def counted(number: int, noun: str) -> str:
    """Write a number of things for a person to read."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def human_bytes(number: float) -> str:
    """Write a number of bytes for a person to read."""
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
