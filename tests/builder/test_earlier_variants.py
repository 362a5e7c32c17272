"""The variants of earlier builds: which are reused, and which are not tried again."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import brotli
import pytest

from hashserve import Manifest
from hashserve.builder import BuildReport
from hashserve.builder.compression.cache import VariantCache
from hashserve.builder.compression.earlier_variants import EarlierVariants
from hashserve.builder.compression.variants import Variants
from hashserve.builder.output.folder import OutputFolder, open_output
from hashserve.builder.output.plan import PublishedFile
from hashserve.builder.releases.previous import PreviousFolder
from hashserve.digests import digest_of
from tests.support.files import put

TEXT = b"a text that is long enough to be worth compressing\n" * 20


@pytest.fixture
def output(tmp_path: Path) -> Iterator[OutputFolder]:
    with open_output(str(tmp_path / "out"), BuildReport()) as output:
        yield output


def publish(output: OutputFolder, path: str, content: bytes = TEXT) -> PublishedFile:
    output.put(path, [content], digest_of([content]))
    return PublishedFile(path=path, size=len(content), sha256=digest_of([content]))


def make(
    output: OutputFolder, files: Sequence[PublishedFile], earlier: EarlierVariants, *codings: str
) -> tuple[int, dict[str, dict[str, int]]]:
    """Make the variants of files; returns how many were compressed, and the sizes of all."""
    report = BuildReport()
    with Variants(output, report, codings, earlier) as variants:
        sizes = variants.make(files)
    return report.compressed, sizes


def known(
    paths: dict[str, str],
    rows: dict[str, str],
    codings: tuple[str, ...] = ("br", "gzip"),
    skipped: tuple[str, ...] | None = None,
) -> Manifest:
    """The manifest of files that all have the same content, with the sizes of their variants."""
    sha256 = digest_of([TEXT])
    files = {path: None if not row else f"{len(TEXT)} {sha256} {row}" for path, row in rows.items()}
    return Manifest(paths=paths, files=files, codings=codings, skipped=skipped)


@pytest.mark.parametrize(
    ("earlier", "compressed"),
    [
        (known({"a.css": "a.1.css"}, {"a.1.css": "0 9"}), 1),  # under another name: br was not worth it
        (known({"a.css": "a.1.css"}, {"a.1.css": "0 0"}), 0),
        (known({"a.css": "a.1.css"}, {"a.1.css": "0 0", "b.1.css": "8 9"}), 2),  # a retained file has them
        (known({}, {"a.1.css": "0 0"}), 2),  # of a release that is not in force, they may have been lost
        (known({"a.png": "a.1.png"}, {"a.1.png": "0 0"}), 2),  # never tried for an image
        (known({"a.css": "a.1.css"}, {"a.1.css": "0"}, ("br",)), 2),  # gzip was not asked for
        (known({"a.css": "a.1.css"}, {"a.1.css": ""}), 2),  # another tool's manifest says nothing
        (known({"a.css": "a.1.css"}, {"a.1.css": "0 0"}, skipped=("css",)), 2),  # its build skipped css
        (known({"a.css": "a.1.css"}, {"a.1.css": "0 0"}, skipped=("png",)), 0),  # as this build does
    ],
)
def test_what_the_release_in_force_found_not_worth_it_is_not_tried_again(
    output: OutputFolder, earlier: Manifest, compressed: int
) -> None:
    reused = EarlierVariants([earlier], ("br", "gzip"))
    assert make(output, [publish(output, "new.css")], reused, "br", "gzip")[0] == compressed


def test_a_variant_is_copied_from_any_file_of_the_previous_release_that_has_it(
    output: OutputFolder, tmp_path: Path
) -> None:
    coded = brotli.compress(TEXT)
    put(tmp_path / "previous", "b.1.css.br", coded)
    earlier = known({"a.png": "a.1.png"}, {"a.1.png": "0 0", "b.1.css": f"{len(coded)} 0", "c.1.png": "0 0"})
    file = publish(output, "new.css")
    reused = EarlierVariants([earlier], ("br",), previous=PreviousFolder(str(tmp_path / "previous")))
    assert make(output, [file], reused, "br") == (0, {file.sha256: {"br": len(coded)}})


OTHER = brotli.compress(TEXT[::-1])  # found to be another content only after all of it was copied


@pytest.mark.parametrize("content", [None, b"damaged", OTHER])
def test_a_variant_that_the_previous_release_does_not_have_whole_is_made(
    output: OutputFolder, tmp_path: Path, content: bytes | None
) -> None:
    if content is not None:
        put(tmp_path / "previous", "a.1.css.br", content)
    file = publish(output, "new.css")
    earlier = known({"a.css": "a.1.css"}, {"a.1.css": f"{len(OTHER)} 0"})
    reused = EarlierVariants([earlier], ("br",), previous=PreviousFolder(str(tmp_path / "previous")))
    compressed, sizes = make(output, [file], reused, "br")
    assert compressed == 1
    assert output.files.holds("new.css.br", file.sha256, "br")
    assert sizes[file.sha256]["br"] == output.files.size("new.css.br")


def test_a_cache_has_what_was_made_and_what_was_not_worth_it(output: OutputFolder, tmp_path: Path) -> None:
    reused = EarlierVariants(cache=VariantCache(str(tmp_path / "cache")))
    made, noise = publish(output, "a.css"), publish(output, "noise.css", os.urandom(500))
    make(output, [made, noise], reused, "br")
    with open_output(str(tmp_path / "other")) as other:
        files = [publish(other, "a.css"), PublishedFile(path="noise.css", size=500, sha256=noise.sha256)]
        compressed, sizes = make(other, files, reused, "br")
    assert compressed == 0
    assert sizes[made.sha256]["br"] == output.files.size("a.css.br")


def test_a_damaged_entry_of_the_cache_is_written_again(output: OutputFolder, tmp_path: Path) -> None:
    cache, file = VariantCache(str(tmp_path / "cache")), publish(output, "a.css")
    cache.keep(file.sha256, "br", [b"damaged"])
    assert make(output, [file], EarlierVariants(cache=cache), "br")[0] == 1
    assert cache.find(file.sha256, "br") is not None


def test_a_cache_without_room_costs_only_time(output: OutputFolder, tmp_path: Path) -> None:
    cache, file = VariantCache(str(tmp_path / "cache")), publish(output, "a.css")
    (tmp_path / "cache").rmdir()
    put(tmp_path, "cache", b"a file in its place")
    assert make(output, [file], EarlierVariants(cache=cache), "br")[1][file.sha256]
