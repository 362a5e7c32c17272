"""Variants: which are made, and which are left out."""

from __future__ import annotations

import gzip
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import IO

import brotli
import pytest

from hashserve import Manifest, SourceError
from hashserve.builder import BuildReport
from hashserve.builder.compression import variants
from hashserve.builder.compression.earlier_variants import EarlierVariants
from hashserve.builder.compression.variants import MOST_EARLY, SMALLEST_EARLY, Variants
from hashserve.builder.output.folder import OutputFolder, open_output
from hashserve.builder.output.plan import PublishedFile
from hashserve.builder.report import Progress
from hashserve.digests import digest_of
from hashserve.http.codings import CODINGS
from tests.support.files import put

TEXT = b"a text that is long enough to be worth compressing\n" * 20
LARGE = TEXT * 200


@pytest.fixture
def output(tmp_path: Path) -> Iterator[OutputFolder]:
    with open_output(str(tmp_path / "out"), BuildReport()) as output:
        yield output


def publish(output: OutputFolder, path: str, content: bytes = TEXT) -> PublishedFile:
    output.put(path, [content], digest_of([content]))
    return PublishedFile(path=path, size=len(content), sha256=digest_of([content]))


def variants_of(
    output: OutputFolder, *codings: str, report: BuildReport | None = None, threads: int | None = None
) -> Variants:
    return Variants(output, report or BuildReport(), codings, EarlierVariants(), threads=threads)


def make(
    output: OutputFolder,
    files: Sequence[PublishedFile],
    *codings: str,
    report: BuildReport | None = None,
    on_progress: Progress = lambda step, done, total: None,
) -> dict[str, dict[str, int]]:
    with variants_of(output, *codings, report=report) as made:
        return made.make(files, on_progress)


def test_alike_files_are_compressed_once(output: OutputFolder) -> None:
    report, done = BuildReport(), list[tuple[str, int, int]]()
    files = [publish(output, path) for path in ("a.css", "b.txt", "c/d.js")]
    sizes = make(output, files, "br", "gzip", report=report, on_progress=lambda *step: done.append(step))
    assert report.compressed == 2
    assert done == [("compress", 1, 1)]
    for file in files:
        for coding, size in sizes[file.sha256].items():
            assert output.files.size(file.path + CODINGS[coding].suffix) == size
            assert output.files.holds(file.path + CODINGS[coding].suffix, file.sha256, coding)


def test_a_variant_next_to_one_file_is_copied_to_another_with_the_same_content(output: OutputFolder) -> None:
    first = publish(output, "a.css")
    make(output, [first], "br")
    report = BuildReport()
    make(output, [first, publish(output, "b.css")], "br", report=report)
    assert report.compressed == 0
    assert output.files.holds("b.css.br", first.sha256, "br")


@pytest.mark.parametrize(("path", "content"), [("a.png", TEXT), ("a.css", b""), ("a.bin", os.urandom(500))])
def test_a_variant_that_is_not_worth_it_is_left_out_and_an_old_one_is_removed(
    output: OutputFolder, path: str, content: bytes
) -> None:
    file = publish(output, path, content)
    put(Path(output.root), f"{path}.br", b"left over")
    assert make(output, [file], "br") == {file.sha256: {}}
    output.publish()
    assert output.files.size(f"{path}.br") is None


def test_large_variants_go_through_a_temporary_file(
    output: OutputFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variants, "KEPT_IN_MEMORY", 10)
    file = publish(output, "a.css")
    make(output, [file], "br")
    assert output.files.holds("a.css.br", file.sha256, "br")


def test_more_files_than_are_queued_at_a_time_all_get_their_variants_and_are_counted_once(
    output: OutputFolder,
) -> None:
    report, done = BuildReport(), list[int]()
    files = [publish(output, f"{number}.css", TEXT + b"%d" % number) for number in range(50)]
    with variants_of(output, "gzip", "zstd", report=report, threads=2) as made:
        sizes = made.make(files, lambda step, number, total: done.append(number))
    assert report.compressed == 100
    assert done == list(range(1, 51))
    for file in files:
        assert list(sizes[file.sha256]) == ["gzip", "zstd"], "in this order, whichever was made first"
        for coding in sizes[file.sha256]:
            assert output.files.holds(file.path + CODINGS[coding].suffix, file.sha256, coding)


@pytest.mark.parametrize("codings", [("br",), ()])
def test_files_whose_variants_are_there_count_as_done_and_so_do_files_without_codings(
    output: OutputFolder, codings: tuple[str, ...]
) -> None:
    file, report, done = publish(output, "a.css"), BuildReport(), list[int]()
    make(output, [file], "br")
    make(output, [file], *codings, report=report, on_progress=lambda step, number, total: done.append(number))
    assert (report.compressed, done) == (0, [1])


def test_a_failure_stops_the_other_threads(output: OutputFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    started = threading.Event()
    outcomes: list[str] = []

    def slow_or_failing(
        chunks: Iterable[bytes], size: int, coding: str, into: object, stopped: threading.Event
    ) -> int:
        if coding == "gzip":
            started.wait(60)
            raise OSError(5, "Input/output error")
        started.set()
        outcomes.append("stopped" if stopped.wait(60) else "not stopped")
        raise CancelledError

    file = publish(output, "a.css")
    monkeypatch.setattr(variants, "compress", slow_or_failing)
    made = variants_of(output, "gzip", "br", threads=2)
    with pytest.raises(OSError, match="Input/output error"), made:
        made.make([file])
    assert outcomes == ["stopped"]


# Early compression


def begun(made: Variants, file: PublishedFile, content: bytes = LARGE) -> threading.Event:
    """Begin to compress a file; returns the event that its content was read."""
    read = threading.Event()

    def chunks() -> Iterable[bytes]:
        read.set()
        return [content]

    made.begin(file, chunks)
    return read


def test_a_variant_that_was_begun_early_is_the_same_and_counted_once(output: OutputFolder) -> None:
    file, report = publish(output, "a.css", LARGE), BuildReport()
    with variants_of(output, "br", "gzip", report=report) as made:
        assert begun(made, file).wait(60)
        sizes = made.make([file])
    assert report.compressed == 2
    other = publish(output, "other.css", LARGE + b"x")
    assert make(output, [file, other], "br", "gzip")[file.sha256] == sizes[file.sha256]
    for coding, decode in (("br", brotli.decompress), ("gzip", gzip.decompress)):
        suffix = CODINGS[coding].suffix
        assert decode(Path(output.location(f"a.css{suffix}")).read_bytes()) == LARGE


def test_a_variant_that_was_begun_early_is_not_made_again(
    output: OutputFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = publish(output, "a.css", LARGE)
    with variants_of(output, "br", threads=1) as made:
        assert begun(made, file).wait(60)
        monkeypatch.setattr(variants, "compress", None)  # a second call would raise
        assert made.make([file])[file.sha256]["br"] > 0


def fails_to_read() -> Iterable[bytes]:
    raise OSError(5, "Input/output error")


def has_changed() -> Iterable[bytes]:
    raise SourceError("a.css", "changed during the build", "build again")


@pytest.mark.parametrize("failing", [fails_to_read, has_changed])
def test_a_variant_that_fails_early_is_made_when_it_is_due(
    output: OutputFolder, failing: Callable[[], Iterable[bytes]]
) -> None:
    file = publish(output, "a.css", LARGE)
    with variants_of(output, "br") as made:
        made.begin(file, failing)
        made._early[file.sha256, "br"].exception(60)
        assert made.make([file])[file.sha256]["br"] > 0


def test_a_variant_that_waits_is_made_in_the_order_of_sizes_when_it_is_due(output: OutputFolder) -> None:
    busy, may_end = threading.Event(), threading.Event()
    first, second = publish(output, "a.css", LARGE), publish(output, "b.css", LARGE + b"b")

    def slow() -> Iterable[bytes]:
        busy.set()
        may_end.wait(60)
        return [LARGE]

    with variants_of(output, "br", threads=1) as made:
        made.begin(first, slow)
        assert busy.wait(60)
        read = begun(made, second, LARGE + b"b")
        threading.Timer(0.05, may_end.set).start()
        sizes = made.make([first, second])
    assert not read.is_set()
    assert all(sizes[file.sha256]["br"] for file in (first, second))


def test_nothing_is_begun_whose_variant_is_there_already(output: OutputFolder) -> None:
    file = publish(output, "a.css", LARGE)
    make(output, [file], "br")
    with variants_of(output, "br") as made:
        read = begun(made, file)
        made.make([file])
    assert not read.is_set()


def test_nothing_is_begun_that_an_earlier_build_found_not_worth_it(output: OutputFolder) -> None:
    file = publish(output, "a.css", LARGE)
    rows = {"a.1.css": f"{file.size} {file.sha256} 0"}
    earlier = Manifest(paths={"a.css": "a.1.css"}, files=rows, codings=("br",))
    with Variants(output, BuildReport(), ("br",), EarlierVariants([earlier], ("br",))) as made:
        made.begin(file, fails_to_read)
        assert not made._early


def test_the_largest_variants_are_made_first(output: OutputFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [publish(output, f"{number}.css", TEXT * number) for number in (2, 1, 3)]
    sizes: list[int] = []

    def noted(
        chunks: Iterable[bytes], size: int, coding: str, into: IO[bytes], stopped: threading.Event
    ) -> None:
        sizes.append(size)
        into.write(b"coded")

    monkeypatch.setattr(variants, "compress", noted)
    with variants_of(output, "br", threads=1) as made:
        made.make(files)
    assert sizes == [len(TEXT) * number for number in (3, 2, 1)]


@pytest.mark.parametrize(
    ("path", "size"),
    [("a.css", SMALLEST_EARLY - 1), ("a.css", variants.KEPT_IN_MEMORY + 1), ("a.png", SMALLEST_EARLY)],
)
def test_nothing_is_begun_that_is_small_or_huge_or_not_compressible(
    output: OutputFolder, path: str, size: int
) -> None:
    with variants_of(output, "br") as made:
        made.begin(PublishedFile(path=path, size=size, sha256="sha256"), fails_to_read)
        assert not made._early


def test_only_so_many_variants_are_begun(output: OutputFolder) -> None:
    with variants_of(output, "br") as made:
        for number in range(MOST_EARLY + 1):
            made.begin(
                PublishedFile(path="a.css", size=SMALLEST_EARLY, sha256=str(number)), lambda: [b"content"]
            )
        assert len(made._early) == MOST_EARLY


def test_no_thread_is_left(output: OutputFolder) -> None:
    before = threading.active_count()
    with variants_of(output, "br", threads=4) as made:
        begun(made, publish(output, "a.css", LARGE))
    assert threading.active_count() == before
