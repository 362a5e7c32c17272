"""Variants: which are made, which are reused, what they are worth."""

from __future__ import annotations

import gzip
import io
import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import brotli
import pytest

from hashserve import BuildError, Manifest, SettingError
from hashserve.builder import BuildReport
from hashserve.builder.compression import variants
from hashserve.builder.compression.cache import VariantCache
from hashserve.builder.compression.compressors import compress, is_compressible, is_worth_keeping
from hashserve.builder.compression.variants import Variants
from hashserve.builder.output.folder import OutputFolder, open_output
from hashserve.builder.output.plan import PublishedFile
from hashserve.builder.releases.previous import PreviousFolder
from hashserve.digests import digest_of
from hashserve.http.codings import CODINGS
from tests.support.building import put

TEXT = b"a text that is long enough to be worth compressing\n" * 20


@pytest.fixture
def output(tmp_path: Path) -> Iterator[OutputFolder]:
    with open_output(str(tmp_path / "out"), BuildReport()) as output:
        yield output


def publish(output: OutputFolder, path: str, content: bytes = TEXT) -> PublishedFile:
    output.put(path, [content], digest_of([content]))
    return PublishedFile(path=path, size=len(content), sha256=digest_of([content]))


def test_alike_files_are_compressed_once(output: OutputFolder) -> None:
    report, done = BuildReport(), []
    files = [publish(output, path) for path in ("a.css", "b.txt", "c/d.js")]
    sizes = Variants(output, report, ("br", "gzip")).make(
        files, lambda step, number, total: done.append(number)
    )
    assert report.compressed == 2
    assert len(done) == len(sizes) == 1
    for file in files:
        for coding, size in sizes[file.sha256].items():
            assert output.files.size(file.path + CODINGS[coding].suffix) == size
            assert output.files.holds(file.path + CODINGS[coding].suffix, file.sha256, coding)


def test_a_variant_beside_one_name_is_taken_for_another(output: OutputFolder) -> None:
    first = publish(output, "a.css")
    Variants(output, BuildReport(), ("br",)).make([first])
    report = BuildReport()
    Variants(output, report, ("br",)).make([first, publish(output, "b.css")])
    assert report.compressed == 0
    assert output.files.holds("b.css.br", first.sha256, "br")


@pytest.mark.parametrize(("path", "content"), [("a.png", TEXT), ("a.css", b""), ("a.bin", os.urandom(500))])
def test_what_is_not_worth_it_is_left_out_and_a_leftover_of_it_removed(
    output: OutputFolder, path: str, content: bytes
) -> None:
    file = publish(output, path, content)
    put(Path(output.root), f"{path}.br", b"left over")
    assert Variants(output, BuildReport(), ("br",)).make([file]) == {file.sha256: {}}
    output.publish()
    assert output.files.size(f"{path}.br") is None


def test_a_cache_knows_what_was_made_and_what_was_not_worth_it(output: OutputFolder, tmp_path: Path) -> None:
    cache = VariantCache(str(tmp_path / "cache"))
    made, noise = publish(output, "a.css"), publish(output, "noise.css", os.urandom(500))
    Variants(output, BuildReport(), ("br",), cache=cache).make([made, noise])
    with open_output(str(tmp_path / "other")) as other:
        report = BuildReport()
        files = [publish(other, "a.css"), PublishedFile(path="noise.css", size=500, sha256=noise.sha256)]
        sizes = Variants(other, report, ("br",), cache=cache).make(files)
    assert report.compressed == 0
    assert sizes[made.sha256]["br"] == output.files.size("a.css.br")


@pytest.mark.parametrize("damage", [b"", b"damaged", None])
def test_a_damaged_entry_of_the_cache_counts_as_absent_and_is_written_again(
    output: OutputFolder, tmp_path: Path, damage: bytes | None
) -> None:
    cache, file = VariantCache(str(tmp_path / "cache")), publish(output, "a.css")
    cache.keep(file.sha256, "br", [brotli.compress(b"other content")])
    if damage is not None:
        next((tmp_path / "cache").rglob("*.br")).write_bytes(damage)
    assert cache.find(file.sha256, "br") is None
    Variants(output, BuildReport(), ("br",), cache=cache).make([file])
    assert cache.find(file.sha256, "br") is not None


def test_a_cache_without_room_costs_time_alone(output: OutputFolder, tmp_path: Path) -> None:
    cache, file = VariantCache(str(tmp_path / "cache")), publish(output, "a.css")
    (tmp_path / "cache").rmdir()
    put(tmp_path, "cache", b"a file in its place")
    assert Variants(output, BuildReport(), ("br",), cache=cache).make([file])[file.sha256]


def test_a_cache_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="cannot be made: File exists; choose another --cache"):
        VariantCache(str(put(tmp_path, "cache", b"a file")))


def test_large_variants_go_through_a_temporary_file(
    output: OutputFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variants, "KEPT_IN_MEMORY", 10)
    file = publish(output, "a.css")
    Variants(output, BuildReport(), ("br",)).make([file])
    assert output.files.holds("a.css.br", file.sha256, "br")


def test_more_files_than_wait_at_a_time_all_get_their_variants_and_are_counted_once(
    output: OutputFolder,
) -> None:
    report, done = BuildReport(), []
    files = [publish(output, f"{number}.css", TEXT + b"%d" % number) for number in range(50)]
    sizes = Variants(output, report, ("gzip", "zstd"), threads=2).make(
        files, lambda step, number, total: done.append(number)
    )
    assert report.compressed == 100
    assert len(done) == len(sizes) == 50
    for file in files:
        assert list(sizes[file.sha256]) == ["gzip", "zstd"], "in this order, whichever was made first"
        for coding in sizes[file.sha256]:
            assert output.files.holds(file.path + CODINGS[coding].suffix, file.sha256, coding)


def test_what_is_there_is_counted_too_and_without_codings_everything_is_done(output: OutputFolder) -> None:
    file, done = publish(output, "a.css"), []
    Variants(output, BuildReport(), ("br",)).make([file])
    report = BuildReport()
    Variants(output, report, ("br",)).make([file], lambda step, number, total: done.append(number))
    Variants(output, report, ()).make([file], lambda step, number, total: done.append(number))
    assert (report.compressed, len(done)) == (0, 2)


def known(paths: dict[str, str], rows: dict[str, str], codings: tuple[str, ...] = ("br", "gzip")) -> Manifest:
    sha256 = digest_of([TEXT])
    files = {path: None if not row else f"{len(TEXT)} {sha256} {row}" for path, row in rows.items()}
    return Manifest(paths=paths, files=files, codings=codings)


@pytest.mark.parametrize(
    ("earlier", "compressed"),
    [
        (known({"a.css": "a.1.css"}, {"a.1.css": "0 9"}), 1),  # under another name: br was not worth it
        (known({"a.css": "a.1.css"}, {"a.1.css": "0 0"}), 0),
        (known({"a.css": "a.1.css"}, {"a.1.css": "0 0", "b.1.css": "8 9"}), 2),  # a retained file has them
        (known({}, {"a.1.css": "0 0"}), 2),  # of a release that is not in force, they may have been lost
        (known({"a.png": "a.1.png"}, {"a.1.png": "0 0"}), 2),  # never tried for an image
        (known({"a.css": "a.1.css"}, {"a.1.css": "0"}, ("br",)), 2),  # gzip was not asked for
        (known({"a.css": "a.1.css"}, {"a.1.css": ""}), 2),  # another tool's manifest tells nothing
    ],
)
def test_what_the_release_in_force_found_not_worth_it_is_not_tried_again(
    output: OutputFolder, earlier: Manifest, compressed: int
) -> None:
    report = BuildReport()
    Variants(output, report, ("br", "gzip"), known=[earlier]).make([publish(output, "new.css")])
    assert report.compressed == compressed


def test_a_variant_is_taken_from_whichever_file_of_the_previous_release_has_it(
    output: OutputFolder, tmp_path: Path
) -> None:
    coded = brotli.compress(TEXT)
    put(tmp_path / "previous", "b.1.css.br", coded)
    earlier = known({"a.png": "a.1.png"}, {"a.1.png": "0 0", "b.1.css": f"{len(coded)} 0", "c.1.png": "0 0"})
    report, file = BuildReport(), publish(output, "new.css")
    place = PreviousFolder(str(tmp_path / "previous"))
    sizes = Variants(output, report, ("br",), known=[earlier], previous=place).make([file])
    assert (report.compressed, sizes[file.sha256]) == (0, {"br": len(coded)})


def test_a_failure_stops_the_other_threads(output: OutputFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    started = threading.Event()
    outcomes: list[str] = []

    def slow_or_failing(chunks: Iterable[bytes], size: int, coding: str, into: object) -> int:
        if coding == "gzip":
            started.wait(60)
            raise OSError(5, "Input/output error")
        started.set()
        try:
            while True:
                for _ in made._until_stopped([b"part"]):
                    pass
        except CancelledError:
            outcomes.append("cancelled")
            raise

    made = Variants(output, BuildReport(), ("gzip", "br"), threads=2)
    file = publish(output, "a.css")
    monkeypatch.setattr(variants, "compress", slow_or_failing)
    with pytest.raises(OSError, match="Input/output error"):
        made.make([file])
    assert outcomes == ["cancelled"]


# Beginning before it is due


def test_what_was_begun_early_is_the_same_and_counted_once(output: OutputFolder) -> None:
    content = TEXT * 200
    file = publish(output, "a.css", content)
    report = BuildReport()
    with Variants(output, report, ("br", "gzip")) as made:
        made.begin(file, lambda: [content])
        sizes = made.make([file])
    assert report.compressed == 2
    again = BuildReport()
    other = publish(output, "other.css", content + b"x")
    assert Variants(output, again, ("br", "gzip")).make([file, other])[file.sha256] == sizes[file.sha256]
    for coding, decode in (("br", brotli.decompress), ("gzip", gzip.decompress)):
        suffix = CODINGS[coding].suffix
        assert decode(Path(output.location(f"a.css{suffix}")).read_bytes()) == content


def test_what_fails_early_is_made_when_it_is_due(output: OutputFolder) -> None:
    content = TEXT * 200
    file = publish(output, "a.css", content)

    def failing() -> Iterable[bytes]:
        raise OSError(5, "Input/output error")

    with Variants(output, BuildReport(), ("br",)) as made:
        made.begin(file, failing)
        assert made.make([file])[file.sha256]["br"] > 0


def test_nothing_is_begun_that_is_there_already(output: OutputFolder) -> None:
    content = TEXT * 200
    file = publish(output, "a.css", content)
    Variants(output, BuildReport(), ("br",)).make([file])
    asked = threading.Event()

    def chunks() -> Iterable[bytes]:
        asked.set()
        return [content]

    with Variants(output, BuildReport(), ("br",)) as made:
        made.begin(file, chunks)
        made.make([file])
    assert not asked.is_set()


# Compressing


@pytest.mark.parametrize("coding", ["br", "gzip", "zstd"])
@pytest.mark.parametrize("content", [b"", b"x", TEXT, os.urandom(300_000)])
def test_what_is_compressed_decodes_to_what_it_was_and_is_the_same_each_time(
    coding: str, content: bytes
) -> None:
    streams = io.BytesIO(), io.BytesIO()
    sizes = [compress([content], len(content), coding, stream) for stream in streams]
    coded = streams[0].getvalue()
    assert coded == streams[1].getvalue()
    assert sizes == [len(coded)] * 2
    assert b"".join(CODINGS[coding].decode([coded])) == content


def test_a_huge_content_is_compressed_at_a_quality_that_ends_today(monkeypatch: pytest.MonkeyPatch) -> None:
    best, fast = io.BytesIO(), io.BytesIO()
    content = b"".join(b"%d %d\n" % (number, number * number) for number in range(5000))
    compress([content], len(content), "br", best)
    monkeypatch.setattr("hashserve.builder.compression.compressors.LARGEST_AT_BEST", 1000)
    compress([content], len(content), "br", fast)
    assert best.getvalue() != fast.getvalue()
    assert brotli.decompress(fast.getvalue()) == content


def test_a_coding_that_nobody_can_make_is_named() -> None:
    with pytest.raises(SettingError, match="must be among br, gzip, zstd"):
        compress([], 0, "lzma", io.BytesIO())


@pytest.mark.parametrize(
    ("size", "coded", "worth"),
    [(1000, 936, True), (1000, 937, False), (10_000, 9500, True), (10_000, 9501, False), (64, 0, True)],
)
def test_a_variant_has_to_save_64_bytes_and_5_percent(size: int, coded: int, worth: bool) -> None:
    assert is_worth_keeping(size, coded) is worth


@pytest.mark.parametrize(
    ("path", "expected"),
    [("a.css", True), ("a.PNG", False), ("a.woff2", False), ("a.svg", True), ("a", True), ("png", True)],
)
def test_types_that_are_compressed_already_are_known_by_their_extension(path: str, expected: bool) -> None:
    assert is_compressible(path) is expected
