"""The build from end to end: of source folders, or of files that a framework has collected.

Invariant: whatever is raised, and wherever the process is killed, the release that was in force is served
as it was.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from hashserve.builder.job import BuildJob, Progress, SourceTree
from hashserve.builder.naming.fingerprinter import Naming
from hashserve.builder.output.writer import Output
from hashserve.builder.report import BuildFinding, BuildReport
from hashserve.builder.settings import BuildSettings
from hashserve.builder.sources.bundler_names import already_fingerprinted
from hashserve.builder.sources.scanner import Patterns
from hashserve.builder.sources.walk import SourceFile, walk
from hashserve.builder.steps import run
from hashserve.errors import BuildError, SettingError, SourceError
from hashserve.manifest.model import Manifest, Unhashed

__all__ = ["Progress", "build", "build_files"]


def build(
    sources: Sequence[str | os.PathLike[str]] | str | os.PathLike[str],
    out: str | os.PathLike[str],
    settings: BuildSettings | None = None,
    *,
    on_progress: Progress = lambda step, done, total: None,
) -> BuildReport:
    """Build the trees ``sources`` (of files with the same path the first's) into the folder ``out``.

    ``out`` then holds each file under its own name and under its fingerprinted one, the variants
    of both, and the manifest. Raises `BuildError` or `SettingError`; whatever is raised, and
    wherever the process is killed, the release that was in ``out`` is served as it was.
    """
    if isinstance(sources, (str, os.PathLike)):
        sources = [sources]
    roots = [os.fspath(source) for source in sources]
    target = os.fspath(out)
    settings = settings or BuildSettings()
    _check_places(roots, target, settings)
    report = BuildReport()
    with _reported(report, target):
        # Before the output is made, or waited for: what cannot be built leaves no trace.
        tree = _walked(roots, settings, report)
        with _output(target, settings, report, on_progress) as (output, has_waited):
            if has_waited:
                report.findings.clear()
                tree = _walked(roots, settings, report)
            job = BuildJob(
                tree=tree,
                output=output,
                settings=settings,
                report=report,
                on_progress=on_progress,
                naming=settings.fingerprinter,
            )
            run(job)
    return report


def build_files(
    files: Sequence[SourceFile],
    out: str | os.PathLike[str],
    settings: BuildSettings,
    *,
    kept: Mapping[str, str],
    unhashed: Unhashed = "original",
    naming: Naming | None = None,
    patterns: Patterns | None = None,
    on_progress: Progress = lambda step, done, total: None,
) -> tuple[BuildReport, Manifest]:
    """Build ``files``, which something else has collected, into the folder ``out``.

    They may lie in ``out`` already, under their own names, as what Django collects does. ``kept`` has
    the logical path of each file that another tool fingerprinted, by its path; ``unhashed`` says what
    is to be under the files' own names; ``naming`` takes the place of the fingerprinter; ``patterns``
    match references as a framework spells them. Gives the new release's manifest too.
    Raises `BuildError` or `SettingError`, as `build` does.
    """
    target = os.fspath(out)
    _check_places([], target, settings)
    tree = SourceTree(where=target, files=files, kept=kept, unhashed=unhashed)
    report = BuildReport()
    with _reported(report, target), _output(target, settings, report, on_progress) as (output, _):
        job = BuildJob(
            tree=tree,
            output=output,
            settings=settings,
            report=report,
            on_progress=on_progress,
            naming=naming or settings.fingerprinter,
            patterns=patterns,
        )
        manifest = run(job)
    return report, manifest


def _walked(roots: Sequence[str], settings: BuildSettings, report: BuildReport) -> SourceTree:
    def on_skip(path: str, reason: str) -> None:
        report.findings.append(BuildFinding(kind="skipped", path=path, message=reason))

    files = walk(roots, ignore=settings.ignore, on_skip=on_skip)
    where = ", ".join(roots)
    if not files:
        raise SourceError(where, "holds no files", "name the folder of your static files")
    paths = [file.logical_path for file in files]
    kept = already_fingerprinted(roots, paths, settings.already_hashed, settings.bundler_manifests)
    return SourceTree(where=where, files=files, kept=kept)


@contextmanager
def _output(
    target: str, settings: BuildSettings, report: BuildReport, on_progress: Progress
) -> Iterator[tuple[Output, bool]]:
    """Open the output; tells whether another build was waited for."""
    waits = 0

    def on_wait() -> None:
        nonlocal waits
        waits += 1
        on_progress("wait", 0, 1)

    with Output(target, report, wait=settings.wait, on_wait=on_wait) as output:
        if waits:
            on_progress("wait", 1, 1)
        yield output, waits > 0


@contextmanager
def _reported(report: BuildReport, target: str) -> Iterator[None]:
    """Take the time, and have every failure say where it happened."""
    started = time.monotonic()
    try:
        yield
    except OSError as error:
        # Every failure that can be foreseen says more; this one still must not look like a defect.
        where = error.filename if isinstance(error.filename, str) else target
        raise BuildError(
            where, f"failed: {error.strerror or error}", "the release in force is whole"
        ) from error
    report.seconds = time.monotonic() - started


def _check_places(roots: Sequence[str], target: str, settings: BuildSettings) -> None:
    """Raise `SettingError` where one folder that a build is to use lies in another."""
    sources = [(f"the source {root}", root) for root in roots]
    for name, root in sources:
        _check_apart("out", target, name, root)
    for setting, place in (("cache", settings.cache), ("import_map", settings.import_map)):
        if place is not None:
            for name, other in (*sources, (f"the output {target}", target)):
                _check_apart(setting, place, name, other)


def _check_apart(setting: str, folder: str, other_name: str, other: str) -> None:
    real, real_other = (os.path.join(os.path.realpath(path), "") for path in (folder, other))
    if real.startswith(real_other) or real_other.startswith(real):
        raise SettingError(setting, folder, f"overlaps {other_name}; choose a place beside it")
