"""The command line: ``hashserve build``.

Law: what a command does is a function of the package; here are only its arguments, what it shows,
and its exit codes: 0 for done, 1 for a failure that the message explains, 2 for arguments that
mean nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING

from hashserve.errors import HashserveError, SettingError

if TYPE_CHECKING:
    from hashserve.build import BuildReport, BuildSettings
    from hashserve.build.pipeline import Progress

__all__ = ["main"]

DONE, FAILED, MISUSED = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; gives the exit code."""
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except SettingError as error:
        print(f"hashserve: {error}", file=sys.stderr)
        return MISUSED
    except HashserveError as error:
        print(f"hashserve: {error}", file=sys.stderr)
        return FAILED
    except ModuleNotFoundError as error:
        extra = "hashserve[build]"
        print(f"hashserve: {error.name} is missing; install it with: pip install '{extra}'", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("hashserve: interrupted; the release in force is untouched", file=sys.stderr)
        return FAILED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hashserve", description="Build static files that never go stale.")
    parser.add_argument("--version", action="version", version=f"hashserve {version('hashserve')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_build(commands)
    return parser


def _add_build(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "build",
        help="fingerprint and compress static files",
        description="Build source folders into one folder that HashServe serves.",
    )
    parser.add_argument(
        "source", nargs="+", help="a folder of static files; of several, the first that has a path wins"
    )
    parser.add_argument("--out", required=True, help="the folder to build into")
    parser.add_argument(
        "--prefix", default="/static/", help="the URL path that it will be served under (%(default)s)"
    )
    parser.add_argument(
        "--ignore", action="append", metavar="PATTERN", help="names to leave out, beside CVS, .* and *~"
    )
    parser.add_argument("--codings", default="br,gzip", help="content codings of the variants (%(default)s)")
    parser.add_argument(
        "--digest", default="md5", help="digest that fingerprints are taken from (%(default)s, as Django)"
    )
    parser.add_argument(
        "--digest-length", type=int, default=12, help="hexadecimal digits of it (%(default)s)"
    )
    parser.add_argument(
        "--strict", action="store_true", help="fail, and publish nothing, if anything is found wrong"
    )
    parser.add_argument(
        "--keep", type=int, default=3, help="releases that stay served, the new one counted (%(default)s)"
    )
    parser.add_argument(
        "--keep-days", type=float, default=30, help="and those replaced within so many days (%(default)s)"
    )
    parser.add_argument(
        "--cache", metavar="DIR", help="a folder where compressed files are kept between builds"
    )
    parser.add_argument("--json", action="store_true", help="write the report as JSON to standard output")
    parser.add_argument("--quiet", action="store_true", help="write nothing but errors")
    parser.set_defaults(run=_build)


def _build(arguments: argparse.Namespace) -> int:
    from hashserve.build import build

    with _progress(shown=not (arguments.quiet or arguments.json)) as on_progress:
        report = build(arguments.source, arguments.out, _settings(arguments), on_progress=on_progress)
    if arguments.json:
        print(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
    elif not arguments.quiet:
        print(summary(report, arguments.out))
    return DONE


def _settings(arguments: argparse.Namespace) -> BuildSettings:
    from hashserve.build import BuildSettings
    from hashserve.build.fingerprint import Fingerprinter
    from hashserve.build.source import DEFAULT_IGNORE

    return BuildSettings(
        prefix=arguments.prefix,
        ignore=(*DEFAULT_IGNORE, *(arguments.ignore or ())),
        codings=tuple(filter(None, arguments.codings.split(","))),
        fingerprinter=Fingerprinter(digest=arguments.digest, length=arguments.digest_length),
        strict=arguments.strict,
        keep=arguments.keep,
        keep_days=arguments.keep_days,
        cache=arguments.cache,
    )


@contextmanager
def _progress(*, shown: bool) -> Iterator[Progress]:
    """Show a progress bar on a terminal; elsewhere nothing, since nobody watches a log fill."""
    if not shown or not sys.stderr.isatty():
        yield lambda step, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, object] = {}

        def on_progress(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done)  # type: ignore[arg-type]  # a TaskID is a NewType of int

        yield on_progress


def summary(report: BuildReport, out: str) -> str:
    """Write a report for a person to read."""
    rewritten = report.rewritten_references
    lines = [
        f"{report.files} files, {_bytes(report.source_bytes)}, built into {out} in {report.seconds:.1f} s",
        f"  {report.written} written, {report.reused} as they were, {rewritten} references rewritten",
    ]
    for coding, size in sorted(report.coded_bytes.items()):
        source = report.coded_source_bytes[coding]
        lines.append(
            f"  {coding:<5} {_bytes(size)} instead of {_bytes(source)}, {1 - size / source:.0%} saved"
        )
    if report.retained_releases:
        lines.append(
            f"  {report.retained_releases} older releases stay served, "
            f"with {report.retained_files} files of their own"
        )
    lines.append(f"  release {report.release} is in force")
    warnings = report.warnings
    if warnings:
        lines.append(f"{len(warnings)} warnings:")
        lines += [f"  {finding}" for finding in warnings]
    return "\n".join(lines)


def _bytes(number: float) -> str:
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"
