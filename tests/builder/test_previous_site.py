"""A site as the previous release: one that runs, and one that lies."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from hashserve import BuildError
from hashserve.builder import BuildSettings, build
from hashserve.builder.releases.errors import UnreachableError, shortened
from hashserve.builder.releases.previous_site import PreviousSite
from hashserve.digests import digest_of
from tests.support.building import contents, manifest_of, temporaries, wrong_files
from tests.support.previous_releases import (
    FAULTS,
    Fault,
    assert_restored,
    change,
    faulty_site,
    free_port,
    hang,
    lost,
    put_source,
    running_site,
    wrong,
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return put_source(tmp_path / "source")


@pytest.mark.parametrize("path", ["", "/static", "/static/"])
def test_files_are_copied_from_a_running_site_to_an_empty_disk(
    source: Path, first: Path, out: Path, path: str
) -> None:
    change(source)
    with running_site(first) as url:
        report = build(source, out, BuildSettings(previous=url + path, require_previous=True))
    assert report.warnings == []
    assert report.compressed == 2
    assert_restored(first, out)


def test_unchanged_content_is_not_compressed_again_on_an_empty_disk(
    source: Path, first: Path, out: Path
) -> None:
    with running_site(first) as url:
        report = build(source, out, BuildSettings(previous=url))
    assert report.compressed == 0
    assert report.release == manifest_of(first).release
    assert contents(out) == contents(first)  # the manifest with its date too


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashserve.builder.releases.request_limits.TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr("hashserve.builder.releases.previous_site.MAX_ATTEMPTS", 2)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_with_a_faulty_response_is_reported_as_lost(
    source: Path, first: Path, out: Path, fault: Fault
) -> None:
    path = manifest_of(first).paths["a.txt"]
    change(source)
    with faulty_site(first, path, fault) as url:
        report = build(source, out, BuildSettings(previous=url))
    assert lost(report) == [path]
    assert not (out / path).exists()
    assert path not in manifest_of(out).files
    assert not wrong_files(out)
    assert not temporaries(out)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("fault", FAULTS)
def test_a_variant_with_a_faulty_response_is_compressed_again(
    source: Path, first: Path, out: Path, fault: Fault
) -> None:
    """The style sheet did not change, so only its variants are requested."""
    path = manifest_of(first).paths["css/app.css"]
    change(source)
    with faulty_site(first, path, fault) as url:
        report = build(source, out, BuildSettings(previous=url))
    assert report.compressed == 4  # the variants of the changed file and of the faulty response
    assert not wrong_files(out)
    record = manifest_of(out).record(path)
    assert record is not None
    assert record.variants.keys() == {"br", "gzip"}


def edited(first: Path, edit: Callable[[dict[str, object]], None]) -> None:
    document = json.loads((first / "staticfiles.json").read_text())
    edit(document)
    (first / "staticfiles.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b'{"paths"',
        b"{}",
        b"\xff\xfe",
        b'{"paths": {"a": "../../etc/passwd"}, "version": "1.1"}',
    ],
)
def test_a_broken_manifest_of_a_site_is_reported_and_nothing_is_restored(
    source: Path, first: Path, out: Path, content: bytes
) -> None:
    change(source)
    with faulty_site(first, "staticfiles.json", lambda site, path: site.respond(200, content)) as url:
        report = build(source, out, BuildSettings(previous=url))
        with pytest.raises(BuildError, match="the previous release cannot be loaded"):
            build(source, out, BuildSettings(previous=url, require_previous=True))
    assert [finding.kind for finding in report.warnings] == ["previous"]
    assert manifest_of(out).releases == ()


def test_an_endless_manifest_is_read_up_to_a_limit(first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashserve.builder.releases.previous_site.MAX_MANIFEST_BYTES", 100)
    with faulty_site(first, "", wrong) as url, pytest.raises(ValueError, match="is longer than 100 bytes"):
        PreviousSite(url, "/static/").manifest()


EVIL = b"evil content, with a digest that is right\n" * 10


@pytest.mark.parametrize(
    "path",
    [
        "staticfiles.json",
        "a.txt",
        "css/app.css",
        "a.txt.br",
        ".hashserve/state.json",
        "css",
        "a.txt/deeper",
        "n" * 300,
    ],
)
def test_a_manifest_cannot_take_a_name_that_the_build_needs(
    source: Path, first: Path, out: Path, path: str
) -> None:
    row = f"{len(EVIL)} {digest_of([EVIL])} 0 0"

    def add(document: dict[str, object]) -> None:
        document["paths"]["evil.txt"] = path  # type: ignore[index]
        document["hashserve"]["files"][path] = row  # type: ignore[index]

    edited(first, add)
    expected = out.with_name("expected")
    change(source)
    build(source, expected)
    serve_evil: Fault = lambda site, _: site.respond(200, EVIL)  # noqa: E731
    faulty_path = path if path != "staticfiles.json" else "never"
    with faulty_site(first, faulty_path, serve_evil) as url:
        report = build(source, out, BuildSettings(previous=url))
    assert shortened(path) in lost(report)
    assert EVIL not in contents(out).values()
    assert not wrong_files(out)
    assert manifest_of(out).paths == manifest_of(expected).paths
    assert b"evil" not in (out / ".hashserve/state.json").read_bytes()


@pytest.mark.usefixtures("_impatient")
def test_a_site_that_stops_answering_is_not_asked_for_every_file(
    first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashserve.builder.releases.previous_site.MAX_ATTEMPTS", 1)
    site = PreviousSite(f"http://127.0.0.1:{free_port()}", "/static/")
    for _ in range(3):
        with pytest.raises(UnreachableError, match="refused"):
            list(site.read("a.txt", "identity", 1))
    with pytest.raises(UnreachableError, match="not requested: the last 3 requests had no complete answer"):
        list(site.read("a.txt", "identity", 1))


@pytest.mark.usefixtures("_impatient")
def test_a_site_whose_bodies_do_not_come_gets_no_more_requests(first: Path) -> None:
    path = manifest_of(first).paths["a.txt"]
    with faulty_site(first, path, hang) as url:
        site = PreviousSite(url, "/static/")
        for _ in range(3):
            with pytest.raises(UnreachableError, match="was not received completely: only"):
                list(site.read(path, "identity", 5000))
        with pytest.raises(UnreachableError, match="not requested"):
            list(site.read(path, "identity", 5000))


@pytest.mark.usefixtures("_impatient")
def test_a_complete_answer_ends_a_row_of_failures(first: Path) -> None:
    bad, good = (manifest_of(first).paths[path] for path in ("a.txt", "css/app.css"))
    with faulty_site(first, bad, hang) as url:
        site = PreviousSite(url, "/static/")
        for path in (bad, bad, good, bad, good):
            with suppress(UnreachableError):
                list(site.read(path, "identity", 5000))
        assert b"".join(site.read(good, "identity", 5000)) == (first / good).read_bytes()


def test_a_site_that_has_no_file_of_its_list_is_not_asked_for_every_file(
    first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashserve.builder.releases.previous_site.MAX_REFUSALS_IN_A_ROW", 5)
    good = manifest_of(first).paths["css/app.css"]
    with running_site(first) as url:
        site = PreviousSite(url, "/static/")
        for _ in range(4):
            with pytest.raises(UnreachableError, match="404 Not Found"):
                list(site.read("missing", "identity", 5000))
        assert list(site.read(good, "identity", 5000))
        for _ in range(5):
            with pytest.raises(UnreachableError, match="404 Not Found"):
                list(site.read("missing", "identity", 5000))
        with pytest.raises(UnreachableError, match="not requested: the last 5 requests had an error"):
            site.read(good, "identity", 5000)  # before the caller begins to write a file
