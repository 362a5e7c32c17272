"""What a build costs, compared with collectstatic and WhiteNoise's compressed manifest storage.

Both build the tree of `benchmarks.source_tree` (Bootstrap, Font Awesome, jQuery, three.js, Django's admin)
with brotli 11 and gzip 9. There are four cases: an empty folder, no change, a changed small stylesheet that
another one imports, and a changed largest stylesheet. The subjects take turns. Each run is the user's command
in a fresh process; its start and imports count. Before each run, the sources are in the page cache and older
writes are on disk. hashserve syncs its files to the disk before it writes the manifest, and that time counts;
the peer does not sync.

The peer is a Django project with the settings of WhiteNoise's guide and no others. The tree has every source
map that its files name, so Django's storage accepts it. The same project with hashserve's storage takes part
too. All of them keep the originals under their own names.

Growth is measured with generated files of 1 kB, for hashserve with gzip only, because brotli would hide the
cost of the rest of the build. The time of a build of one file is subtracted.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.command_cost import CommandCost, run_command
from benchmarks.django_project import (
    HASHSERVE_SETUP,
    WHITENOISE_SETUP,
    Setup,
    collect_command,
    make_project,
)
from benchmarks.harness import PROJECT, Sample, Series, rotated, summarize
from benchmarks.options import Options, options_of, parser, run_and_report
from benchmarks.report import Report, Target, at_least, at_most, markdown_table, quantity
from benchmarks.source_tree import (
    SourceTree,
    change,
    make_admin_tree,
    make_real_tree,
    make_small_files,
    warm,
)
from hashserve.http.codings import CODINGS, IDENTITY
from hashserve.manifest.discovery import MANIFEST_NAME

__all__ = ["PublishedTree", "published_tree", "run"]

HASHSERVE, WITH_CACHE, WITH_PREVIOUS = "hashserve", "hashserve --cache", "hashserve --previous"
PEER, HASHSERVE_STORAGE = "collectstatic, WhiteNoise", "collectstatic, hashserve"
COLD, UNCHANGED, SMALL_CHANGE, LARGE_CHANGE = (
    "cold",
    "nothing changed",
    "a small stylesheet changed",
    "the largest changed",
)
ONE_FILE = "1 file"
CASES = (COLD, UNCHANGED, SMALL_CHANGE, LARGE_CHANGE)
METRICS = ("wall_seconds", "processor_seconds", "peak_bytes")
VARIANT_CODINGS = ("br", "gzip")

SIZES = (1_000, 10_000)
QUICK_FOLDERS = ("css/", "img/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Builder:
    """A command that builds one tree into ``out``, and its working folder."""

    name: str
    command: Sequence[str]
    folder: Path
    out: Path

    def build(self, tree: SourceTree, *options: str) -> CommandCost:
        """Build the tree once."""
        warm(tree)
        os.sync()
        cost = run_command([*self.command, *options], folder=self.folder)
        print(f"{self.name}: {cost.wall_seconds:.1f} s, {cost.processor_seconds:.1f} s CPU", file=sys.stderr)
        return cost

    def empty(self) -> None:
        """Remove the output."""
        shutil.rmtree(self.out, ignore_errors=True)


def hashserve(tree: SourceTree, out: Path, *options: str) -> Builder:
    """Return the builder for ``hashserve build``."""
    command = [sys.executable, "-m", "hashserve", "build", str(tree.root), "--out", str(out), "--quiet"]
    return Builder(name=HASHSERVE, command=[*command, *options], folder=PROJECT, out=out)


def collector(name: str, setup: Setup, tree: SourceTree, folder: Path) -> Builder:
    """Return the builder for ``collectstatic`` of a Django project in ``folder``."""
    project, out = folder / "project", folder / "collected"
    make_project(project, tree.root, out, setup)
    return Builder(name=name, command=collect_command(), folder=project, out=out)


# The output of a build


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedTree:
    """The output of a build. Sizes are in bytes, by coding.

    ``stored`` counts the fingerprinted files and their variants on disk. ``sent`` counts the bytes that a
    client with that coding receives for all of them: the uncoded file if it has no variant. ``files`` and
    ``size`` count everything in the folder.
    """

    fingerprinted: int
    files: int
    size: int
    stored: dict[str, int]
    sent: dict[str, int]


def published_tree(out: Path, tree: SourceTree) -> PublishedTree:
    """Measure the output of a build. Raises `AssertionError` if a file is missing."""
    paths = _manifest_paths(out)
    missing = {path.relative_to(tree.root).as_posix() for path in tree.files} - paths.keys()
    if missing:
        raise AssertionError(f"{len(missing)} files are not in {out}, for example {min(missing)}")
    everything = [path.stat().st_size for path in out.rglob("*") if path.is_file()]
    stored, sent = Counter[str](), Counter[str]()
    for path in set(paths.values()):
        own = (out / path).stat().st_size
        variants = {coding: _size(out / f"{path}{CODINGS[coding].suffix}") for coding in VARIANT_CODINGS}
        stored.update({IDENTITY: own, **variants})
        sent.update({IDENTITY: own, **{coding: size or own for coding, size in variants.items()}})
    return PublishedTree(
        fingerprinted=len(set(paths.values())),
        files=len(everything),
        size=sum(everything),
        stored=dict(stored),
        sent=dict(sent),
    )


def _size(path: Path) -> int:
    """Return the size of a file, 0 if there is none."""
    return path.stat().st_size if path.exists() else 0


def _manifest_paths(out: Path) -> dict[str, str]:
    """Return the fingerprinted path of each file; hashserve and Django write it in the same format."""
    document = json.loads((out / MANIFEST_NAME).read_text(encoding="utf-8"))
    paths: dict[str, str] = document["paths"]
    return paths


def check_is_current(out: Path, tree: SourceTree, path: str) -> None:
    """Check that the last change to a stylesheet is in its fingerprinted file."""
    last_line = (tree.root / path).read_bytes().splitlines()[-1]
    if last_line not in (out / _manifest_paths(out)[path]).read_bytes():
        raise AssertionError(f"{out} has an old {path}")


# Comparison with the peer


def compare(report: Report, tree: SourceTree, folder: Path, turns: int) -> dict[str, PublishedTree]:
    """Build the tree with all subjects in every case, ``turns`` times, and return the last cold outputs."""
    builders = (
        hashserve(tree, folder / "built"),
        collector(PEER, WHITENOISE_SETUP, tree, folder / "whitenoise"),
        collector(HASHSERVE_STORAGE, HASHSERVE_SETUP, tree, folder / "hashserve"),
    )
    originals = {path: (tree.root / path).read_bytes() for path in (tree.leaf, tree.large)}
    cache = str(folder / "cache")
    hashserve(tree, folder / "elsewhere").build(tree, "--cache", cache)
    for turn in range(turns):
        for case in CASES:
            _prepare(case, tree, builders, turn)
            # The peer needs a minute for each case, cold or not, so it builds the others only once.
            leaves_out_peer = turn > 0 and case != COLD
            active = [builder for builder in builders if builder.name != PEER or not leaves_out_peer]
            for builder in rotated(active, turn):
                report.series.extend(_samples(case, builder.name, turn, builder.build(tree)))
                _check(case, builder, tree)
            if case == COLD:
                published = {builder.name: published_tree(builder.out, tree) for builder in builders}
        for path, content in originals.items():
            (tree.root / path).write_bytes(content)
        report.series.extend(_samples_of_reuse(builders[0], tree, turn, cache, folder / "previous"))
    return published


def _prepare(case: str, tree: SourceTree, builders: Sequence[Builder], turn: int) -> None:
    if case == COLD:
        for builder in builders:
            builder.empty()
    elif case in (SMALL_CHANGE, LARGE_CHANGE):
        change(tree, tree.leaf if case == SMALL_CHANGE else tree.large, turn)


def _check(case: str, builder: Builder, tree: SourceTree) -> None:
    if case in (SMALL_CHANGE, LARGE_CHANGE):
        check_is_current(builder.out, tree, tree.leaf if case == SMALL_CHANGE else tree.large)


def _samples_of_reuse(
    builder: Builder, tree: SourceTree, turn: int, cache: str, previous: Path
) -> list[Sample]:
    """Build into an empty folder twice: with a full cache, and with a previous release."""
    builder.empty()
    found = _samples(COLD, WITH_CACHE, turn, builder.build(tree, "--cache", cache))
    shutil.rmtree(previous, ignore_errors=True)
    builder.out.rename(previous)
    return [*found, *_samples(COLD, WITH_PREVIOUS, turn, builder.build(tree, "--previous", str(previous)))]


def _samples(case: str, subject: str, turn: int, cost: CommandCost) -> list[Sample]:
    return [
        Sample(case=case, subject=subject, metric=metric, process=turn, turn=0, value=value)
        for metric, value in asdict(cost).items()
    ]


# Growth


def grow(report: Report, sizes: Sequence[int], folder: Path, turns: int) -> None:
    """Build trees of one file and of many files, in turns."""
    trees = {size: make_small_files(folder / f"files-{size}", size) for size in (1, *sizes)}
    for turn in range(turns):
        for size, tree in trees.items():
            builder = hashserve(tree, folder / f"built-{size}", "--codings", "gzip")
            builder.empty()
            for case in (COLD, UNCHANGED, SMALL_CHANGE):
                if case == SMALL_CHANGE:
                    change(tree, tree.leaf, turn)
                report.series.extend(_samples(growth_case(case), _files(size), turn, builder.build(tree)))


def growth_case(case: str) -> str:
    """Return the name of the growth's case."""
    return f"growth, {case}"


def _files(size: int) -> str:
    return ONE_FILE if size == 1 else f"{size:,} files"


# The benchmark


def run(options: Options) -> Report:
    """Run all builds, in turns."""
    sizes = (20, 40) if options.quick else (*SIZES, 100_000) if options.full else SIZES
    turns = options.processes or (1 if options.quick else 3 if options.full else 2)
    report = Report(name="build", settings={"sizes": sizes, "processes": turns, "page_cache": "warm"})
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "source"
        tree = make_admin_tree(root, folders=QUICK_FOLDERS) if options.quick else make_real_tree(root)
        report.facts["tree"] = {
            "files": len(tree.files),
            "size": sum(path.stat().st_size for path in tree.files),
        }
        published = compare(report, tree, Path(folder), turns)
        report.facts["published"] = {name: asdict(found) for name, found in published.items()}
    with tempfile.TemporaryDirectory() as folder:
        # These builds take seconds, so a single run would be too noisy.
        grow(report, sizes, Path(folder), turns if options.quick else max(turns, 3))
    analyse(report)
    return report


def analyse(report: Report) -> None:
    """Make the tables and the targets."""
    tree, sizes = report.facts["tree"], report.settings["sizes"]
    published = {name: PublishedTree(**found) for name, found in report.facts["published"].items()}
    report.tables = [
        (f"Time and memory: {tree['files']:,} files, {tree['size'] / 1e6:.1f} MB", cost_table(report.series)),
        ("Output of the cold build, in bytes", output_table(published)),
        ("Growth: what each file adds, gzip alone", growth_table(report.series, sizes)),
    ]
    report.targets = [
        *speed_targets(report.series),
        *size_targets(published),
        *growth_targets(report.series, sizes),
    ]


def cost_table(series: Series) -> str:
    """Return times, memory, and ratios to the peer."""
    rows = []
    for case in CASES:
        for subject in (HASHSERVE, WITH_CACHE, WITH_PREVIOUS, HASHSERVE_STORAGE, PEER):
            if series.has(case, subject, METRICS[0]):
                wall, processor, peak = (series.summary(case, subject, metric) for metric in METRICS)
                faster, less = (series.ratio(case, PEER, subject, metric) for metric in METRICS[:2])
                rows.append(
                    (
                        case,
                        subject,
                        quantity(wall, " s"),
                        quantity(processor, " s"),
                        quantity(peak, " MB", per_unit=1e6),
                        quantity(faster, "x"),
                        quantity(less, "x"),
                    )
                )
    head = ("case", "", "time", "processor time", "highest RSS", "faster than peer", "less processor time")
    return markdown_table(head, rows)


def output_table(published: Mapping[str, PublishedTree]) -> str:
    """Return the bytes by coding, and the number of files."""
    rows = []
    for name, found in published.items():
        counts = (found.fingerprinted, found.files, found.size)
        for kind, sizes, more in (("on disk", found.stored, counts), ("as sent", found.sent, ())):
            cells = [f"{sizes[coding]:,}" for coding in (IDENTITY, *VARIANT_CODINGS)]
            cells += [f"{count:,}" for count in more] or [""] * len(counts)
            rows.append((name, kind, *cells))
    head = ("", "", IDENTITY, *VARIANT_CODINGS, "fingerprinted files", "all files", "all bytes")
    return markdown_table(head, rows)


def growth_table(series: Series, sizes: Sequence[int]) -> str:
    """Return times, memory, and the time that each file adds."""
    rows = []
    for case in map(growth_case, (COLD, UNCHANGED, SMALL_CHANGE)):
        for size in sizes:
            wall, processor, peak = (series.summary(case, _files(size), metric) for metric in METRICS)
            added = [series.summary(case, _files(size), metric, minus=ONE_FILE) for metric in METRICS[:2]]
            rows.append(
                (
                    case,
                    _files(size),
                    quantity(wall, " s"),
                    quantity(processor, " s"),
                    quantity(peak, " MB", per_unit=1e6),
                    *(quantity(summary, " us", per_unit=size * 1e-6) for summary in added),
                )
            )
    head = ("case", "tree", "time", "processor time", "highest RSS", "time a file", "processor time a file")
    return markdown_table(head, rows)


def speed_targets(series: Series) -> list[Target]:
    """Return the targets for times."""
    metric = METRICS[0]
    share = series.ratio(COLD, HASHSERVE, PEER, metric)
    return [
        at_most(f"{COLD}: time over the peer's", share, 0.5),
        *(
            at_least(f"{case}: faster than the peer", series.ratio(case, PEER, HASHSERVE, metric), limit)
            for case, limit in ((UNCHANGED, 50), (SMALL_CHANGE, 30), (LARGE_CHANGE, 30))
        ),
    ]


def size_targets(published: Mapping[str, PublishedTree]) -> list[Target]:
    """Return the targets for the bytes of all fingerprinted files, by coding."""
    ours, theirs = published[HASHSERVE].sent, published[PEER].sent
    return [
        Target(
            name=f"total output as sent, {coding}, over the peer's",
            limit="at most 1x",
            found=f"{ours[coding] / theirs[coding]:.5f}x",
            is_met=ours[coding] <= theirs[coding],
        )
        for coding in (IDENTITY, *VARIANT_CODINGS)
    ]


def growth_targets(series: Series, sizes: Sequence[int]) -> list[Target]:
    """Return the targets for growth: a file adds no more time to the largest tree than to the smallest."""
    found = []
    for case in map(growth_case, (COLD, UNCHANGED)):
        for name, metric in (("time", METRICS[0]), ("processor time", METRICS[1])):
            smallest, largest = (
                series.summary(case, _files(size), metric, minus=ONE_FILE) for size in _ends(sizes)
            )
            if smallest.median > 0:
                more = summarize([[largest.median / sizes[-1] / (smallest.median / sizes[0])]])
                title = f"{case}: {name} a file, {_files(sizes[-1])} over {_files(sizes[0])}"
                found.append(at_most(title, more, 1.25))
    return found


def _ends(sizes: Sequence[int]) -> tuple[int, int]:
    return sizes[0], sizes[-1]


if __name__ == "__main__":
    run_and_report(run, options_of(vars(parser(__doc__).parse_args())))
