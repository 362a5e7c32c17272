"""What is sent in place of a delta that cannot be: the whole file, with one line in the log."""

from __future__ import annotations

import os
import shutil
import tracemalloc
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hashserve
from hashserve import HashServe
from hashserve.builder import prune
from hashserve.http import dictionaries
from hashserve.manifest.model import DeltaRecord
from tests.serve.test_conformance import ADAPTERS, Application, Serve
from tests.support.client import Reply, request, wrapped_application
from tests.support.deltas import (
    BROWSER,
    TreeWithDeltas,
    available_dictionary,
    decoded,
    malformed_fields,
    three_releases,
)

APP = "css/app.css"


@pytest.fixture(params=ADAPTERS)
def serve(request: pytest.FixtureRequest) -> Serve:
    return ADAPTERS[request.param]


@pytest.fixture
def tree(tmp_path: Path) -> TreeWithDeltas:
    return three_releases(tmp_path / "root")


def ask(application: Application, tree: TreeWithDeltas, had: int | None = 0, **fields: Any) -> Reply:
    """Ask for the newest style sheet, as a browser that has the one of release ``had``."""
    if had is not None and "available_dictionary" not in fields:
        fields["available_dictionary"] = tree.dictionary(APP, had)
    return request(application, tree.url(APP), **{"accept_encoding": BROWSER, **fields})


def delta_against(tree: TreeWithDeltas, had: int) -> DeltaRecord:
    """Return the newest style sheet's delta against that of release ``had``."""
    records = tree.manifest().deltas_of(tree.releases[2][APP])
    return next(record for record in records if record.dictionary == tree.releases[had][APP])


def replaced_by_fifo(path: Path, content: bytes) -> None:
    path.unlink()
    os.mkfifo(path)


def replaced_by_folder(path: Path, content: bytes) -> None:
    path.unlink()
    path.mkdir()


def replaced_by_loop(path: Path, content: bytes) -> None:
    path.unlink()
    path.symlink_to(path.name)


def replaced_by_device(path: Path, content: bytes) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


DAMAGE: dict[str, Callable[[Path, bytes], object]] = {
    "gone": lambda path, content: path.unlink(),
    "empty": lambda path, content: path.write_bytes(b""),
    "cut short": lambda path, content: path.write_bytes(content[:-1]),
    "longer": lambda path, content: path.write_bytes(content + b"\0"),
    "one bit": lambda path, content: path.write_bytes(content[:-1] + bytes([content[-1] ^ 1])),
    "zeros": lambda path, content: path.write_bytes(bytes(len(content))),
    "the first bit": lambda path, content: path.write_bytes(bytes([content[0] ^ 1]) + content[1:]),
    "a digest of another dictionary": lambda path, content: path.write_bytes(
        content[:8] + bytes(32) + content[40:]
    ),
    "a FIFO": replaced_by_fifo,
    "a folder": replaced_by_folder,
    "a loop of links": replaced_by_loop,
    "a device": replaced_by_device,
}


@pytest.mark.parametrize("part", ["delta", "dictionary"])
@pytest.mark.parametrize("damage", DAMAGE)
def test_instead_of_a_delta_that_is_not_right_the_file_is_sent_and_one_line_logged(
    tree: TreeWithDeltas, serve: Serve, damage: str, part: str, caplog: pytest.LogCaptureFixture
) -> None:
    delta, known, content = delta_against(tree, 0), tree.dictionary(APP, 0), tree.content(APP)
    path = Path(tree.root, delta.path if part == "delta" else delta.dictionary)
    whole = ask(serve(tree), tree, None)
    before = path.read_bytes()
    DAMAGE[damage](path, before)

    application = serve(tree)
    for _ in range(3):
        assert ask(application, tree, available_dictionary=known) == whole
        assert ask(application, tree, None) == whole
    (message,) = [record.getMessage() for record in caplog.records if record.name == "hashserve"]
    assert f"{delta.of} as dcz: " in message
    # A client that has another release is not affected.
    assert decoded(ask(application, tree, 1), tree.content(APP, 1)) == content

    repair(path, before)
    assert decoded(ask(application, tree, 0), tree.content(APP, 0)) == content


def repair(path: Path, content: bytes) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
    path.write_bytes(content)


def test_a_delta_that_is_linked_elsewhere_is_sent_only_if_it_is_the_right_one(
    tree: TreeWithDeltas, tmp_path: Path
) -> None:
    delta = delta_against(tree, 0)
    path, elsewhere = Path(tree.root, delta.path), tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    application = HashServe(wrapped_application, tree.root, "/static/")
    assert decoded(ask(application, tree), tree.content(APP, 0)) == tree.content(APP)
    shutil.copy(Path(tree.root, delta_against(tree, 1).path), elsewhere)
    application = HashServe(wrapped_application, tree.root, "/static/")
    assert ask(application, tree)["Content-Encoding"] == "br"


def test_a_delta_that_a_manifest_lists_with_another_size_or_dictionary_is_not_sent(
    tree: TreeWithDeltas, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    new, old, other = (tree.releases[release][APP] for release in (2, 0, 1))
    token, size = delta_against(tree, 0).token, delta_against(tree, 0).size
    digests = [tree.dictionary(APP, release) for release in (0, 1)]
    for row in (
        f"{size + 1} {token} {old}",
        f"{10**17} {token} {old}",
        f"{size} nothing {old}",
        f"{size} {token} {other}",
        f"{size} {token} {tree.releases[2]['js/app.js']}",
    ):
        tree.replace(deltas={new: [row]})
        application = serve(tree)
        replies = [ask(application, tree, available_dictionary=digest) for digest in digests]
        assert [reply["Content-Encoding"] for reply in replies] == ["br", "br"], row
    assert all("as dcz" in record.getMessage() for record in caplog.records if record.name == "hashserve")


# Fields


def test_a_malformed_field_is_as_good_as_none(tree: TreeWithDeltas, serve: Serve) -> None:
    application, whole = serve(tree), ask(serve(tree), tree, None)
    digest = tree.dictionary(APP, 0).strip(":")
    for value in malformed_fields(digest):
        if value.isascii() and (not value or value.isprintable()):
            for _ in range(2):
                assert ask(application, tree, available_dictionary=value) == whole, value[:80]
    assert ask(application, tree)["Content-Encoding"] == "dcz"


def test_the_digests_of_other_files_select_nothing(tree: TreeWithDeltas, serve: Serve) -> None:
    application, whole = serve(tree), ask(serve(tree), tree, None)
    for logical, release in ((APP, 2), ("js/app.js", 0), ("js/app.js", 2), ("ten.txt", 0)):
        assert ask(application, tree, available_dictionary=tree.dictionary(logical, release)) == whole
    for content in (b"", Path(tree.root, "staticfiles.json").read_bytes()):
        assert ask(application, tree, available_dictionary=available_dictionary(content)) == whole
    # An older release's file has no delta against a newer one.
    url = tree.url(APP, 0)
    reply = request(application, url, accept_encoding=BROWSER, available_dictionary=tree.dictionary(APP, 2))
    assert reply["Content-Encoding"] == "br"


def test_dictionary_id_decides_nothing(tree: TreeWithDeltas, serve: Serve) -> None:
    application, whole = serve(tree), ask(serve(tree), tree, None)
    for value in ('"x"', tree.dictionary(APP, 0), tree.releases[0][APP]):
        assert ask(application, tree, None, dictionary_id=value) == whole
        assert ask(application, tree, 0, dictionary_id=value)["Content-Encoding"] == "dcz"


@pytest.mark.parametrize(
    "fields",
    [
        {"accept_encoding": "dcz, " * 20_000},
        {"accept_encoding": "dcz;q=" + "0" * 100_000},
        {"accept_encoding": BROWSER, "sec_fetch_site": "x" * 100_000, "sec_fetch_mode": "cors"},
        {"accept_encoding": BROWSER, "sec_fetch_site": "cross-site", "sec_fetch_mode": "x" * 100_000},
        {"accept_encoding": BROWSER, "origin": "x" * 100_000, "sec_fetch_site": "same-origin"},
    ],
    ids=["codings", "qvalue", "site", "mode", "origin"],
)
def test_fields_of_100_kb_are_answered(tree: TreeWithDeltas, serve: Serve, fields: dict[str, Any]) -> None:
    application = serve(tree)
    for _ in range(2):
        reply = ask(application, tree, **fields)
        assert reply.status == 200
        dictionary = tree.content(APP, 0)
        assert reply.all("Content-Encoding") != ["dcz"] or decoded(reply, dictionary) == tree.content(APP)


def test_a_flood_of_different_fields_takes_no_memory(tree: TreeWithDeltas) -> None:
    application = HashServe(wrapped_application, tree.root, "/static/")
    ask(application, tree)
    ask(application, tree, None)
    dictionaries.canonical_field.cache_clear()
    remembered = len(application._service.memo)
    tracemalloc.start()
    try:
        for number in range(5_000):
            digest = b64encode(number.to_bytes(32, "big")).decode()
            environ = {"HTTP_AVAILABLE_DICTIONARY": f":{digest}:" + " " * (number % 2 * 60_000)}
            assert request_quickly(application, tree, environ) == "br"
        grown = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert grown < 1_000_000
    assert len(application._service.memo) == remembered


def request_quickly(application: HashServe, tree: TreeWithDeltas, environ: dict[str, Any]) -> str | None:
    """Send a request without a validator, and return the coding of the response."""
    fields: list[list[tuple[str, str]]] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": tree.url(APP),
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "HTTP_ACCEPT_ENCODING": BROWSER,
        "wsgi.url_scheme": "http",
        **environ,
    }
    body = application(environ, lambda status, headers, exc_info=None: fields.append(headers))  # type: ignore[arg-type]
    b"".join(body)
    return dict(fields[0]).get("Content-Encoding")


# With a real build


@pytest.fixture
def built(tmp_path: Path) -> tuple[Path, Path]:
    """Return the sources and the output of two releases."""
    source, out = tmp_path / "source", tmp_path / "out"
    (source / "css").mkdir(parents=True)
    for release in (1, 2):
        write_release(source, release)
        hashserve.build(source, out, keep=2, keep_days=0)
    return source, out


def write_release(source: Path, number: int) -> None:
    rules = "".join(f".c{each} {{ color: #{each * 40503 % 0xFFFFFF:06x} }}\n" for each in range(300))
    (source / APP).write_text(f"body {{ width: {number}px }}\n{rules}")


def asked(application: HashServe, out: Path, dictionary: bytes) -> Reply:
    path = hashserve.Manifest.load(out / "staticfiles.json").paths[APP]
    known = available_dictionary(dictionary)
    return request(application, f"/static/{path}", accept_encoding=BROWSER, available_dictionary=known)


@pytest.mark.parametrize("damage", ["gone", "one bit", "cut short", "a FIFO", "a loop of links"])
def test_a_build_repairs_a_delta_and_it_is_sent_again(
    built: tuple[Path, Path], damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    source, out = built
    manifest = hashserve.Manifest.load(out / "staticfiles.json")
    (delta,) = manifest.deltas_of(manifest.paths[APP])
    dictionary = (out / delta.dictionary).read_bytes()
    DAMAGE[damage](out / delta.path, (out / delta.path).read_bytes())
    application = HashServe(wrapped_application, str(out), "/static/", check_interval=0)
    assert asked(application, out, dictionary)["Content-Encoding"] == "br"

    hashserve.build(source, out, keep=2, keep_days=0)

    reply = asked(application, out, dictionary)
    assert decoded(reply, dictionary) == (out / delta.of).read_bytes()
    assert len([record for record in caplog.records if record.name == "hashserve"]) == 1


def test_a_client_that_has_a_file_of_a_release_that_was_just_pruned_gets_the_whole_file(
    built: tuple[Path, Path],
) -> None:
    source, out = built
    application = HashServe(wrapped_application, str(out), "/static/", check_interval=0)
    manifest = hashserve.Manifest.load(out / "staticfiles.json")
    (delta,) = manifest.deltas_of(manifest.paths[APP])
    first, second = (out / delta.dictionary).read_bytes(), (out / delta.of).read_bytes()
    assert asked(application, out, first)["Content-Encoding"] == "dcz"
    write_release(source, 3)
    hashserve.build(source, out, keep=2, keep_days=0)

    prune(out)

    assert not (out / delta.dictionary).exists()
    assert asked(application, out, first)["Content-Encoding"] == "br"
    assert asked(application, out, second)["Content-Encoding"] == "dcz"


def test_a_dictionary_that_is_missing_while_a_release_is_built_leaves_out_its_delta(
    built: tuple[Path, Path],
) -> None:
    source, out = built
    manifest = hashserve.Manifest.load(out / "staticfiles.json")
    second = out / manifest.paths[APP]
    known = second.read_bytes()
    second.unlink()
    write_release(source, 3)

    report = hashserve.build(source, out, keep=2, keep_days=0)

    assert any(second.name in f"{finding.path} {finding.message}" for finding in report.findings)
    assert hashserve.Manifest.load(out / "staticfiles.json").deltas == {}
    application = HashServe(wrapped_application, str(out), "/static/")
    assert asked(application, out, known)["Content-Encoding"] == "br"
