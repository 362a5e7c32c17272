"""What a release costs a returning visitor: deltas against the release before (RFC 9842), and their price.

The pairs are two releases of real packages, and of an application that Vite bundles
(`benchmarks.bundled_app`). Each is built twice with ``hashserve.build``, the new release over the old one.
All sizes are those of the files that it wrote, and each delta is decoded first. The time is the processor
time of one delta, compression and proof.

The price is that of the second of two builds of the tree of ``benchmarks.build``, with deltas and without,
in turns: after two packages were updated, and after every style sheet and script changed by a line.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import hashserve
from benchmarks import bundled_app
from benchmarks.build import Builder
from benchmarks.build import hashserve as hashserve_builder
from benchmarks.harness import Sample, Series, rotated, timed_in_turns
from benchmarks.options import Options, options_of, parser, run_and_report
from benchmarks.report import Report, Target, at_most, markdown_table, quantity, share_at_most
from benchmarks.source_tree import SourceTree, make_admin_tree, make_real_tree, warm
from hashserve import Manifest
from hashserve.builder.compression.compressors import compress_delta
from hashserve.digests import digest_of
from hashserve.http.dictionaries import decode_delta
from hashserve.manifest.discovery import MANIFEST_NAME
from tests.support.npm_trees import TreeUnavailableError
from tests.support.npm_trees import tree as npm_tree

__all__ = ["analyse", "run"]

SIZES = ("raw", "gzip", "br", "delta")
SECONDS = "seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """Two releases of a file of a package."""

    name: str
    path: str
    old: str
    new: str

    @property
    def case(self) -> str:
        """The name of the pair."""
        return f"{self.path.rpartition('/')[2]} {self.old} to {self.new}"

    def read(self, version: str) -> bytes:
        """Return the file of a release. Raises `TreeUnavailableError`."""
        return (npm_tree(f"{self.name}@{version}") / self.path).read_bytes()


PACKAGES = (
    Package(name="react-dom", path="umd/react-dom.production.min.js", old="18.2.0", new="18.3.1"),
    Package(name="bootstrap", path="dist/css/bootstrap.min.css", old="5.3.2", new="5.3.3"),
    Package(name="bootstrap", path="dist/js/bootstrap.bundle.min.js", old="5.3.2", new="5.3.3"),
    Package(name="jquery", path="dist/jquery.min.js", old="3.6.4", new="3.7.1"),
    Package(name="three", path="build/three.module.min.js", old="0.169.0", new="0.170.0"),
    Package(name="htmx.org", path="dist/htmx.min.js", old="1.9.12", new="2.0.4"),
    Package(name="htmx.org", path="dist/htmx.min.js", old="2.0.3", new="2.0.4"),
    Package(name="alpinejs", path="dist/cdn.min.js", old="3.14.8", new="3.14.9"),
    Package(name="vue", path="dist/vue.global.prod.js", old="3.5.12", new="3.5.13"),
    Package(name="d3", path="dist/d3.min.js", old="7.8.5", new="7.9.0"),
)

PATCH, BUMP = "application of Vite, one string changed", "application of Vite, React 18.2.0 to 18.3.1"
STYLE = "its style sheet, one rule changed"

WITH, WITHOUT = "with deltas", "without"
UPDATED, EVERYTHING = "two packages updated", "every style sheet and script changed"
COSTS = ("wall_seconds", "processor_seconds", "peak_bytes")
MOST_TIMES = {UPDATED: 1.25, EVERYTHING: 1.25}
"""The targets for the processor time of a build with deltas, relative to one without."""


# Sizes


def measure_pairs(report: Report, folder: Path, packages: Sequence[Package], turns: int) -> None:
    """Build two releases of each package, and measure the deltas between them."""
    source, out = folder / "source", folder / "out"
    for package in packages:
        name = package.path.rpartition("/")[2]
        for each in (source, out):
            shutil.rmtree(each, ignore_errors=True)
        source.mkdir()
        for version in (package.old, package.new):
            (source / name).write_bytes(package.read(version))
            hashserve.build(source, out)
        report.series.extend(_samples_of_delta(package.case, out, name, turns))


def measure_bundles(report: Report, folder: Path, make: Callable[[Path, str], None], turns: int) -> None:
    """Build the releases of the bundled application, and measure each delta against the one before."""
    source, out = folder / "bundled", folder / "out-of-bundled"
    for release in bundled_app.RELEASES:
        make(source, release)
        hashserve.build(source, out)
        found = bundled_app.bundle_of(source)
        if release == bundled_app.PATCH:
            report.series.extend(_samples_of_delta(PATCH, out, found.script, turns))
            report.series.extend(_samples_of_delta(STYLE, out, found.style, turns))
        elif release == bundled_app.BUMP:
            report.series.extend(_samples_of_delta(BUMP, out, found.script, turns))


def _samples_of_delta(case: str, out: Path, logical: str, turns: int) -> Iterator[Sample]:
    """Yield the sizes of a file's variants and of its newest delta, and the time to make that."""
    manifest = Manifest.load(out / MANIFEST_NAME)
    path = manifest.paths[logical]
    record = manifest.record(path)
    if record is None or record.size is None:
        raise AssertionError(f"the manifest lists no size of {path}")
    sizes = {"raw": record.size, **record.variants}
    delta = next(iter(manifest.deltas_of(path)), None)
    if delta is not None:
        old, new = (out / delta.dictionary).read_bytes(), (out / path).read_bytes()
        written = (out / delta.path).read_bytes()
        if b"".join(decode_delta([written], old, record.size)) != new or len(written) != delta.size:
            raise AssertionError(f"{delta.path} is not the delta of {path}")
        sizes["delta"] = delta.size

        def make(loops: int) -> None:
            for _ in range(loops):
                digest_of(decode_delta([compress_delta(new, old)], old, len(new)))

        for turn, _, seconds in timed_in_turns({case: make}, turns=turns, least_seconds=0):
            yield Sample(case=case, subject="delta", metric=SECONDS, process=turn, turn=0, value=seconds)
    for coding, size in sizes.items():
        yield Sample(case=case, subject=coding, metric="bytes", process=0, turn=0, value=size)


# The price


@dataclass(frozen=True, slots=True, kw_only=True)
class Releases:
    """A tree in two releases: it is that of ``files``, by path, until `change` writes the newer ones."""

    tree: SourceTree
    files: dict[str, tuple[bytes, bytes]]

    def write(self, *, is_new: bool) -> None:
        """Write the files of the old or the new release."""
        for path, contents in self.files.items():
            (self.tree.root / path).write_bytes(contents[is_new])


def updated(tree: SourceTree) -> Releases:
    """Return the release in which Bootstrap and jQuery are updated."""
    files = {}
    for path in tree.files:
        name = path.relative_to(tree.root).as_posix()
        package, _, rest = name.partition("/")
        old = {"bootstrap": "bootstrap@5.3.2", "jquery": "jquery@3.6.4"}.get(package)
        earlier = npm_tree(old) / rest if old else None
        if earlier is not None and earlier.is_file():
            files[name] = (earlier.read_bytes(), path.read_bytes())
    return Releases(tree=tree, files=files)


def everything(tree: SourceTree) -> Releases:
    """Return the release in which every style sheet and script has one more line."""
    lines = {".css": b"\n.changed { color: red }\n", ".js": b"\n// changed\n", ".mjs": b"\n// changed\n"}
    files = {}
    for path in tree.files:
        line = lines.get(path.suffix)
        if line is not None:
            content = path.read_bytes()
            files[path.relative_to(tree.root).as_posix()] = (content, content + line)
    return Releases(tree=tree, files=files)


def measure_price(report: Report, case: str, releases: Releases, folder: Path, turns: int) -> None:
    """Build the second release with deltas and without, in turns."""
    tree, cache = releases.tree, str(folder / "cache")
    builders = {
        WITH: hashserve_builder(tree, folder / "with"),
        WITHOUT: hashserve_builder(tree, folder / "without", "--deltas", "0"),
    }
    for turn in range(turns):
        for subject in rotated([*builders], turn):
            releases.write(is_new=False)
            builders[subject].empty()
            builders[subject].build(tree, "--cache", cache)
        releases.write(is_new=True)
        for subject in rotated([*builders], turn):
            report.series.extend(_samples_of_price(case, subject, turn, builders[subject], tree))
    found = list(_deltas(folder / "with"))
    report.facts[case] = {"files": len(releases.files), "deltas": len(found), "bytes": sum(found)}


def _samples_of_price(
    case: str, subject: str, turn: int, builder: Builder, tree: SourceTree
) -> Iterator[Sample]:
    warm(tree)
    for metric, value in asdict(builder.build(tree)).items():
        yield Sample(case=case, subject=subject, metric=metric, process=turn, turn=0, value=value)


def _deltas(out: Path) -> Iterator[int]:
    """Yield the size of each delta of the release in force."""
    manifest = Manifest.load(out / MANIFEST_NAME)
    for path in manifest.deltas or ():
        for delta in manifest.deltas_of(path):
            yield delta.size


# The benchmark


def run(options: Options) -> Report:
    """Measure all pairs, then the price; a smoke test needs no network."""
    turns = options.processes or (1 if options.quick else 3)
    report = Report(name="deltas", settings={"processes": turns})
    with tempfile.TemporaryDirectory() as folder:
        if options.quick:
            measure_bundles(report, Path(folder), bundled_app.make_stand_in, turns)
            tree = make_admin_tree(Path(folder) / "tree", folders=("css/",))
            measure_price(report, EVERYTHING, everything(tree), Path(folder), turns)
        else:
            _measure(report, Path(folder), turns)
    analyse(report)
    return report


def _measure(report: Report, folder: Path, turns: int) -> None:
    try:
        measure_pairs(report, folder, PACKAGES, turns)
        measure_bundles(report, folder, bundled_app.make_release, turns)
        tree = make_real_tree(folder / "tree")
        measure_price(report, UPDATED, updated(tree), folder, turns)
        measure_price(report, EVERYTHING, everything(tree), folder, turns)
    except TreeUnavailableError as error:
        report.notes.append(f"Not all was measured: {error}.")
        print(report.notes[-1], file=sys.stderr)


def analyse(report: Report) -> None:
    """Make the tables and the targets."""
    series = report.series
    cases = [case for case in series.cases() if series.has(case, "raw", "bytes")]
    prices = [case for case in (UPDATED, EVERYTHING) if series.has(case, WITH, COSTS[0])]
    if not cases and not prices:
        raise LookupError("there are no samples")
    report.tables = [
        ("What a returning visitor downloads, in bytes", pair_table(series, cases)),
        ("Build of the second of two releases", price_table(report, prices)),
    ]
    report.targets = [*size_targets(series), *price_targets(series, prices)]


def pair_table(series: Series, cases: Sequence[str]) -> str:
    """Return the bytes of each pair, and the time of the delta."""
    rows = []
    for case in cases:
        sizes = {
            coding: series.summary(case, coding, "bytes").median
            for coding in SIZES
            if series.has(case, coding, "bytes")
        }
        cells = [f"{sizes[coding]:,.0f}" if coding in sizes else "–" for coding in SIZES]
        has_delta = "delta" in sizes
        share = f"{sizes['delta'] / sizes['br']:.1%}" if has_delta else "–"
        time = quantity(series.summary(case, "delta", SECONDS), " s") if has_delta else "–"
        rows.append((case, *cells, share, time))
    return markdown_table(("file, old to new", *SIZES, "delta / br", "time of the delta"), rows)


def price_table(report: Report, cases: Sequence[str]) -> str:
    """Return time and memory of the build with deltas and without, and the ratios of the times."""
    series, rows = report.series, []
    for case in cases:
        facts = report.facts.get(case)
        about = f"{facts['deltas']:,}, {facts['bytes']:,} bytes" if facts else ""
        for subject in (WITH, WITHOUT):
            wall, processor, peak = (series.summary(case, subject, metric) for metric in COSTS)
            ratios = [series.ratio(case, subject, WITHOUT, metric) for metric in COSTS[:2]]
            rows.append(
                (
                    case,
                    subject,
                    quantity(wall, " s"),
                    quantity(processor, " s"),
                    quantity(peak, " MB", per_unit=1e6),
                    *(quantity(ratio, "x") for ratio in ratios),
                    about if subject == WITH else "",
                )
            )
    head = (
        "release",
        "",
        "time",
        "processor time",
        "highest RSS",
        "time over without",
        "processor time over without",
        "deltas",
    )
    return markdown_table(head, rows)


def size_targets(series: Series) -> list[Target]:
    """Return the targets for the application: what a release costs a returning visitor."""
    found = []
    for case, limit in ((PATCH, 0.1), (STYLE, 0.1), (BUMP, 0.25)):
        if series.has(case, "delta", "bytes"):
            delta, br = (series.summary(case, coding, "bytes").median for coding in ("delta", "br"))
            found.append(share_at_most(f"{case}: delta over brotli", delta, br, limit))
    return found


def price_targets(series: Series, cases: Sequence[str]) -> list[Target]:
    """Return the targets for the processor time of a build with deltas."""
    return [
        at_most(
            f"{case}: processor time with deltas over without",
            series.ratio(case, WITH, WITHOUT, COSTS[1]),
            MOST_TIMES[case],
        )
        for case in cases
    ]


if __name__ == "__main__":
    run_and_report(run, options_of(vars(parser(__doc__).parse_args())))
