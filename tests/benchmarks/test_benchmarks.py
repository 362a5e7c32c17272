"""The benchmarks: the analysis of samples, and a run of each benchmark. No test checks a speed."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import django
import pytest

from benchmarks import browser, request_cost, servers, start
from benchmarks.__main__ import ALL
from benchmarks.build import published_tree
from benchmarks.charts import draw_charts
from benchmarks.command_cost import CommandError, run_command
from benchmarks.corpus import Site, build_many, bundle, compressed
from benchmarks.harness import (
    Sample,
    Series,
    WorkerError,
    calibrate,
    in_turns,
    rotated,
    run_worker,
    summarize,
    timed_in_turns,
)
from benchmarks.options import Options
from benchmarks.report import Report, at_least, at_most, markdown_table, quantity
from benchmarks.source_tree import change, make_admin_tree, make_small_files
from hashserve import Manifest
from hashserve.builder import BuildSettings, build
from tests.support.parts import missing, require_tool


def samples(**values: list[float]) -> Series:
    """Make a series of one case: the values of each subject, a turn each."""
    return Series(
        Sample(case="case", subject=subject, metric="seconds", process=0, turn=turn, value=value)
        for subject, given in values.items()
        for turn, value in enumerate(given)
    )


# Summaries and ratios


def test_a_summary_is_the_median_of_the_processes_and_students_interval() -> None:
    summary = summarize([[5.0, 5.0, 50.0], [1.0], [4.0], [2.0], [3.0]])

    half = 2.776 * math.sqrt(2.5) / math.sqrt(5)  # of 1, 2, 3, 4 and 5
    assert (summary.median, summary.count) == (3.0, 5)
    assert math.isclose(summary.high - 3, half)
    assert math.isclose(3 - summary.low, half)
    assert math.isclose(summary.spread, half / 3)


def test_about_19_of_20_intervals_contain_the_true_value() -> None:
    drawn = Random(20_260_101)
    runs = [summarize([[drawn.gauss(10, 1)] for _ in range(3)]) for _ in range(2000)]

    held = sum(run.low <= 10 <= run.high for run in runs)
    assert 0.92 < held / len(runs) < 0.97


def test_the_summary_of_a_single_process_uses_its_turns() -> None:
    assert samples(fast=[1.0, 2.0, 3.0]).summary("case", "fast", "seconds").count == 3


def test_a_single_value_is_the_median_and_has_no_spread() -> None:
    summary = summarize([[2.5]])

    assert (summary.median, summary.spread, summary.count) == (2.5, 0.0, 1)


def test_a_summary_without_values_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        summarize([])


def test_a_ratio_is_the_median_of_the_ratios_of_the_turns() -> None:
    # A machine that is ten times slower in the second turn does not change the ratio.
    series = samples(slow=[4.0, 40.0, 4.4], fast=[2.0, 20.0, 2.0])

    assert series.ratio("case", "slow", "fast", "seconds").median == 2.0


def test_the_cost_of_the_loop_is_subtracted_from_both_sides_of_a_ratio() -> None:
    series = samples(slow=[5.0, 9.0], fast=[2.0, 3.0], loop=[1.0, 1.0])

    assert series.ratio("case", "slow", "fast", "seconds", minus="loop").median == 4.0
    assert series.summary("case", "slow", "seconds", minus="loop").median == 6.0


def test_a_turn_in_which_the_loop_took_longer_than_a_subject_has_no_ratio() -> None:
    series = samples(slow=[5.0, 9.0], fast=[2.0, 0.5], loop=[1.0, 1.0])

    assert series.ratio("case", "slow", "fast", "seconds", minus="loop").count == 1


def test_a_turn_with_only_one_of_two_subjects_has_no_ratio() -> None:
    assert samples(slow=[5.0, 9.0], fast=[2.0]).ratio("case", "slow", "fast", "seconds").median == 2.5


# Measurement


def test_subjects_take_turns() -> None:
    assert list(in_turns(["a", "b"], 2)) == [(0, "a"), (0, "b"), (1, "a"), (1, "b")]


@pytest.mark.parametrize(("first", "expected"), [(0, "abc"), (1, "bca"), (2, "cab"), (3, "abc")])
def test_each_subject_is_first_in_one_process(first: int, expected: str) -> None:
    assert rotated("abc", first) == list(expected)


def test_calibration_finds_enough_loops() -> None:
    done: list[int] = []

    loops = calibrate(lambda loops: done.append(sum(range(loops * 100))), 0.001)

    assert loops >= 1
    assert len(done) >= 1


def test_every_drive_is_timed_once_a_turn() -> None:
    drives = {"a": lambda loops: sum(range(loops)), "b": lambda loops: sum(range(loops))}

    timed = list(timed_in_turns(drives, turns=2, least_seconds=0.0001, first=1))

    assert [(turn, name) for turn, name, _ in timed] == [(0, "b"), (0, "a"), (1, "b"), (1, "a")]
    assert all(seconds > 0 for _, _, seconds in timed)


def test_a_failed_worker_reports_its_error() -> None:
    with pytest.raises(WorkerError, match="unexpected keyword argument"):
        run_worker("benchmarks.start", {"nonsense": 1})


@pytest.mark.parametrize("case", request_cost.CASES, ids=lambda case: case.name)
def test_an_environ_is_as_large_as_a_browsers(case: request_cost.Case) -> None:
    site = Site(root="", hashed="a", unhashed="b", film="c", sizes={})

    assert 33 <= len(request_cost.environ_of(case, site)) <= 40


def test_each_drive_has_its_own_bytecode() -> None:
    assert request_cost.with_own_bytecode(request_cost.drive).__code__ is not request_cost.drive.__code__


def test_only_system_calls_between_the_marks_and_below_the_root_count() -> None:
    lines = [
        '7 newfstatat(AT_FDCWD</here>, "/root/before", {st_mode=S_IFREG}, 0) = 0',
        '7 access("benchmark-begins", F_OK) = -1 ENOENT (No such file or directory)',
        '7 newfstatat(AT_FDCWD</here>, "/root/a.css", {st_mode=S_IFREG}, 0) = 0',
        '7 openat(AT_FDCWD</here>, "/root/a.css", O_RDONLY|O_CLOEXEC) = 3</root/a.css>',
        "7 fstat(3</root/a.css>, {st_mode=S_IFREG|0644, st_size=10, ...}) = 0",
        "7 getdents64(4</root/sub>, 0x55, 32768) = 80",
        '7 newfstatat(AT_FDCWD</here>, "/elsewhere", {st_mode=S_IFREG}, 0) = 0',
        '7 access("benchmark-ends", F_OK) = -1 ENOENT (No such file or directory)',
        '7 openat(AT_FDCWD</here>, "/root/after", O_RDONLY) = 3</root/after>',
    ]

    calls = start.calls_in_trace(lines, "/root")

    assert (calls["stat"], calls["open"], calls["scan"]) == (2, 1, 1)
    assert calls["first"][0].startswith('newfstatat(AT_FDCWD</here>, "ROOT/a.css"')


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_is_measured_in_bytes() -> None:
    found = start.memory()

    assert found["peak"] >= found["rss"] >= found["uss"] > 1_000_000


@pytest.mark.skipif(sys.platform == "win32", reason="waits for a process as POSIX does")
def test_the_cost_of_a_command_includes_its_threads(tmp_path: Path) -> None:
    spin = "while time.thread_time() < 0.2: pass"
    program = f"import threading, time\ndef spin():\n    {spin}\n"
    program += (
        "thread = threading.Thread(target=spin)\nthread.start()\nspin()\nthread.join()\nb'x' * 50_000_000"
    )

    cost = run_command([sys.executable, "-c", program], folder=tmp_path)

    assert cost.processor_seconds >= 0.4
    assert cost.wall_seconds >= 0.2
    assert cost.peak_bytes > 50_000_000


@pytest.mark.skipif(sys.platform == "win32", reason="waits for a process as POSIX does")
def test_a_failed_command_reports_its_error(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no such thing"):
        run_command([sys.executable, "-c", "raise SystemExit('no such thing')"], folder=tmp_path)


# Report


def test_a_value_equal_to_the_limit_meets_the_target() -> None:
    found = summarize([[15.0]])

    assert at_least("rate", found, 15).is_met
    assert at_most("cost", found, 15).is_met
    assert not at_least("rate", found, 15.1).is_met
    assert not at_most("cost", found, 14.9).is_met


def test_a_quantity_has_its_spread() -> None:
    assert quantity(summarize([[0.0019], [0.002], [0.0021]]), " ms", per_unit=1e-3) == "2.00 ms ± 12 %"
    assert quantity(summarize([[0.002]]), " ms", per_unit=1e-3) == "2.00 ms, once"


def test_the_columns_of_a_table_are_aligned() -> None:
    assert markdown_table(("a", "long"), [("1", "2")]) == "| a | long |\n| - | ---- |\n| 1 | 2    |"


# Files


def test_the_bundle_has_about_23_kb_with_brotli() -> None:
    assert 20_000 <= len(compressed(bundle()).variants["br"]) <= 26_000


def test_a_large_tree_has_the_wanted_number_of_files_and_a_correct_manifest(tmp_path: Path) -> None:
    path = build_many(tmp_path, 250)

    manifest = Manifest.load(tmp_path / "staticfiles.json")
    assert len(manifest.files) == 250
    record = manifest.record(path)
    assert record is not None
    assert record.size == (tmp_path / path).stat().st_size
    assert record.variants == {
        "br": (tmp_path / f"{path}.br").stat().st_size,
        "gzip": (tmp_path / f"{path}.gz").stat().st_size,
    }


def test_all_small_files_differ_and_every_reference_resolves(tmp_path: Path) -> None:
    tree = make_small_files(tmp_path / "source", 200)

    report = build(tree.root, tmp_path / "out", BuildSettings(codings=("gzip",)))

    assert len({path.read_bytes() for path in tree.files}) == report.files == 200
    assert not report.findings
    assert report.rewritten_references == 2 * 10 * (3 * 4 + 1)


def test_an_output_that_lacks_a_file_is_not_measured(tmp_path: Path) -> None:
    tree = make_small_files(tmp_path / "source", 10)
    build(tree.root, tmp_path / "out", BuildSettings(codings=("gzip",)))
    (tree.root / "another.css").write_bytes(b"a {}")

    with pytest.raises(AssertionError, match=r"another\.css"):
        published_tree(tmp_path / "out", tree)


def test_a_file_without_a_variant_is_sent_uncoded(tmp_path: Path) -> None:
    tree = make_small_files(tmp_path / "source", 10)
    build(tree.root, tmp_path / "out", BuildSettings(codings=("gzip",)))

    found = published_tree(tmp_path / "out", tree)

    assert found.sent["gzip"] == found.stored["gzip"] < found.sent["identity"]
    assert (found.stored["br"], found.sent["br"]) == (0, found.sent["identity"])


def test_each_change_makes_another_stylesheet(tmp_path: Path) -> None:
    tree = make_admin_tree(tmp_path, folders=("css/",))
    contents = [(tmp_path / tree.leaf).read_bytes()]

    for number in (1, 2):
        change(tree, tree.leaf, number)
        contents.append((tmp_path / tree.leaf).read_bytes())

    assert len(set(contents)) == 3
    # Since 6.1, no stylesheet of Django's admin imports another.
    imports = b"widgets.css" in (tmp_path / "admin/css/forms.css").read_bytes()
    assert imports == (django.VERSION < (6, 1))


# Runs


@pytest.mark.parametrize("run", ALL, ids=lambda run: run.__module__.rpartition(".")[2])
def test_a_benchmark_runs_and_reports(run: Callable[[Options], Report]) -> None:
    if run is servers.run:
        require_tool("wrk")
    if run is browser.run and (reason := browser.missing()):
        missing(reason, "chromium")

    # Waitress is the server that every environment has.
    report = run(Options(quick=True, processes=1, only=("waitress",)))

    again = Report.from_document(json.loads(json.dumps(report.document())))
    assert again.series.samples
    assert all(target.found for target in again.targets)
    assert "### Targets" in again.markdown()
    assert again.markdown() == report.markdown()
    assert draw_charts(again)


def test_the_memory_that_forked_workers_add_is_measured() -> None:
    kept: list[bytes] = []

    added = start.preforked(lambda: kept.append(b"x" * 5_000_000)) - start.preforked(lambda: None)

    assert 18_000_000 < added < 40_000_000
    assert not kept


def test_a_failed_worker_is_not_measured(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise OSError("no such file")

    with pytest.raises(AssertionError, match="the workers ended with"):
        start.preforked(fail)
