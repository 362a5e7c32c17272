"""Large live files, and files that change while they are asked for: what is read, and what is sent."""

from __future__ import annotations

import gzip
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from hashserve import HashServe
from hashserve.digests import digest_of, integrity_of
from hashserve.errors import TruncatedFileError, UnknownAssetError
from hashserve.gateways.wsgi_bodies import SpansBody
from hashserve.http.messages import StoredFile
from hashserve.serve import large_files, live_files
from hashserve.serve.files import ChangedFileError, OpenFile, prove
from hashserve.serve.inspection import Root, inspect
from tests.serve.test_live_files import CHANGES
from tests.support.client import Reply, request, wrapped_application
from tests.support.files import put
from tests.support.trees import BuiltTree, wait_for_tick

LARGE = bytes(range(256)) * 8 * 1024  # 2 MiB
URL = "/static/film.bin"
VALIDATORS = ("ETag", "Last-Modified")


class Disk:
    """Counts the bytes that are read, and may write to a file at each read."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path = path
        self.read = 0
        self.grows = False
        real_read = os.read

        def reading(descriptor: int, most: int) -> bytes:
            if self.grows:
                with open(self.path, "ab") as stream:
                    stream.write(b"more")
            chunk = real_read(descriptor, most)
            self.read += len(chunk)
            return chunk

        monkeypatch.setattr("os.read", reading)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return put(tmp_path, "root/film.bin", LARGE)


@pytest.fixture
def disk(film: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(film, monkeypatch)


@pytest.fixture
def _settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files count as old."""
    monkeypatch.setattr(live_files, "SETTLED_AFTER", -1)


def served(film: Path, **settings: Any) -> HashServe:
    """Serve the folder of a file that counts as large."""
    return HashServe(wrapped_application, film.parent, "/static/", **{"largest_digested": 0, **settings})


def is_snapshot(reply: Reply) -> bool:
    has_validators = any(name in reply for name in VALIDATORS)
    return not has_validators and reply.all("Cache-Control") == ["no-store"]


# Files that grow


@pytest.mark.parametrize("content", [b"0123456789", LARGE, LARGE * 5])
@pytest.mark.parametrize("settings", [{}, {"body_budget": 0, "index_file": True}, {"largest_digested": 0}])
@pytest.mark.parametrize(
    ("method", "fields"),
    [
        ("GET", {}),
        ("GET", {"range": "bytes=0-0"}),
        ("GET", {"range": "bytes=0-0,5-5"}),
        ("GET", {"range": "bytes=0-0", "if_range": '"a"'}),
        ("HEAD", {}),
    ],
)
def test_a_file_that_grows_all_the_time_is_read_at_most_twice_for_one_request(
    film: Path, disk: Disk, content: bytes, settings: dict[str, Any], method: str, fields: dict[str, str]
) -> None:
    film.write_bytes(content)
    application = served(film, **{"largest_digested": 1 << 23, **settings})
    disk.grows = True
    for _ in range(3):
        disk.read, size = 0, film.stat().st_size
        reply = request(application, URL, method=method, **fields)
        assert is_snapshot(reply)
        assert disk.read <= 2 * (film.stat().st_size + 1)
        if reply.status == 206:
            assert reply.body == content[:1]
            assert int(reply["Content-Range"].partition("/")[2]) >= size
        else:
            assert (reply.status, int(reply["Content-Length"]) >= size) == (200, True)
            sent = film.read_bytes()[: int(reply["Content-Length"])]
            assert reply.body == (b"" if method == "HEAD" else sent)


def test_a_file_that_has_stopped_growing_gets_its_validators_back(
    film: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = served(film, largest_digested=1 << 23)
    disk.grows = True
    assert is_snapshot(request(application, URL))
    disk.grows = False
    assert is_snapshot(request(application, URL))
    now = time.monotonic()
    monkeypatch.setattr("hashserve.serve.body_cache.time.monotonic", lambda: now + 3)
    assert not is_snapshot(request(application, URL))


def test_a_snapshot_that_is_cut_short_while_it_is_sent_ends_the_connection(film: Path) -> None:
    os.utime(film)
    environ: dict[str, Any] = {"REQUEST_METHOD": "GET", "PATH_INFO": URL, "SERVER_PROTOCOL": "HTTP/1.1"}
    body = served(film)(environ, lambda *_: lambda _: None)
    assert isinstance(body, SpansBody)
    assert next(iter(body))
    os.truncate(film, 1000)
    with pytest.raises(TruncatedFileError):
        list(body)
    body.close()


def test_only_a_server_that_ends_at_content_length_may_send_a_snapshot_itself(film: Path) -> None:
    def wrapper(file: Any, size: int) -> Iterator[bytes]:
        raise AssertionError("sends to the end of the file")

    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": URL, "wsgi.file_wrapper": wrapper}
    body = served(film)(environ, lambda *_: lambda _: None)
    assert isinstance(body, SpansBody)
    body.close()


# Large files


@pytest.mark.usefixtures("_settled")
def test_one_byte_of_a_large_file_costs_no_more_than_its_samples_from_the_first_request_on(
    film: Path, disk: Disk
) -> None:
    application = served(film)
    tags = set()
    for _ in range(2):
        reply = request(application, URL, range="bytes=5-5")
        assert (reply.status, reply.body) == (206, LARGE[5:6])
        tags.add(reply["ETag"])
    assert len(tags) == 1
    assert disk.read <= large_files._SAMPLES * large_files._SAMPLE_SIZE + 2


@pytest.mark.usefixtures("_settled")
def test_a_sparse_file_of_ten_gigabytes_costs_no_more(film: Path, disk: Disk) -> None:
    os.truncate(film, 10 << 30)
    application = served(film)
    reply = request(application, URL, range="bytes=-1")
    assert (reply.status, reply.body, reply["Content-Range"].partition("/")[2]) == (206, b"\0", f"{10 << 30}")
    head = request(application, URL, method="HEAD")
    assert (head["Content-Length"], head["ETag"]) == (f"{10 << 30}", reply["ETag"])
    assert disk.read < 100_000


@pytest.mark.usefixtures("_settled")
def test_the_validators_of_a_large_file_agree_in_every_response(film: Path) -> None:
    application = served(film)
    whole = request(application, URL)
    tag, date = (whole[name] for name in VALIDATORS)
    assert (whole.status, whole.body, tag.startswith("W/")) == (200, LARGE, False)
    assert request(application, URL, method="HEAD").headers == whole.headers
    assert request(served(film), URL, method="HEAD").headers == whole.headers
    unchanged = request(application, URL, if_none_match=tag)
    assert (unchanged.status, unchanged["ETag"]) == (304, tag)
    assert request(application, URL, if_modified_since=date).status == 304
    assert request(application, URL, if_match=tag).status == 200
    assert request(application, URL, range="bytes=1-2", if_range=tag).body == LARGE[1:3]
    several = request(application, URL, range="bytes=0-0,5-5")
    assert (several.status, several["ETag"]) == (206, tag)
    assert request(application, URL, range="bytes=1-2", if_range='"other"').body == LARGE


@pytest.mark.usefixtures("_settled")
@pytest.mark.parametrize("change", CHANGES)
def test_a_large_file_that_was_replaced_has_another_tag(
    film: Path, change: Callable[[str, bytes], None]
) -> None:
    application = served(film)
    tag = request(application, URL)["ETag"]
    wait_for_tick(str(film.parent))
    change(str(film), LARGE[::-1])
    reply = request(application, URL, if_none_match=tag)
    assert (reply.status, reply.body, reply["ETag"] != tag) == (200, LARGE[::-1], True)
    assert request(application, URL, range="bytes=0-0", if_range=tag).body == LARGE[::-1]


def test_a_large_file_that_has_just_changed_has_no_validator(film: Path) -> None:
    application = served(film)
    reply = request(application, URL)
    assert (is_snapshot(reply), reply.body) == (True, LARGE)
    part = request(application, URL, range="bytes=-2")
    assert (part.status, is_snapshot(part), part.body) == (206, True, LARGE[-2:])
    for validator in (reply.all("ETag") or ['"a"'])[0], "Fri, 27 Nov 2026 00:00:00 GMT":
        assert request(application, URL, range="bytes=-2", if_range=validator).status == 200
    assert request(application, URL, if_none_match="*").status == 304
    assert request(application, URL, if_match='"a"').status == 412


@pytest.mark.usefixtures("_settled")
@pytest.mark.parametrize("place", [0, len(LARGE) // 15, len(LARGE) - 1])
def test_samples_of_the_bytes_tell_files_apart_whose_identity_is_the_same(
    film: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    monkeypatch.setattr(large_files, "identify_across_mounts", lambda status: (1, 2, 3, 4))
    tag = request(served(film), URL)["ETag"]
    film.write_bytes(LARGE[:place] + b"\xaa" + LARGE[place + 1 :])
    assert request(served(film), URL)["ETag"] != tag


@pytest.mark.usefixtures("_settled")
def test_on_a_read_only_file_system_the_tag_is_weak(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = list(os.statvfs(film))
    values[8] |= os.ST_RDONLY
    monkeypatch.setattr("os.fstatvfs", lambda descriptor: os.statvfs_result(values))
    application = served(film)
    tag = request(application, URL)["ETag"]
    assert tag.startswith('W/"')
    assert request(application, URL, if_none_match=tag).status == 304
    assert request(application, URL, range="bytes=0-0", if_range=tag).status == 200


@pytest.mark.usefixtures("_settled")
def test_a_file_with_variants_is_read_though_it_is_eight_times_as_large(film: Path, disk: Disk) -> None:
    put(film.parent, "film.bin.gz", gzip.compress(LARGE), age=0)
    for largest, is_read in ((len(LARGE) // 8, True), (len(LARGE) // 8 - 1, False)):
        disk.read = 0
        application = served(film, largest_digested=largest, body_budget=0)
        reply = request(application, URL, method="HEAD", accept_encoding="gzip")
        assert ("Content-Encoding" in reply, disk.read > len(LARGE)) == (is_read, is_read)


@pytest.mark.usefixtures("_settled")
def test_the_integrity_of_a_large_file_is_that_of_its_content_and_read_once(film: Path, disk: Disk) -> None:
    application = served(film)
    for _ in range(2):
        assert application.integrity("film.bin") == integrity_of(digest_of([LARGE]))
    assert disk.read < 1.5 * len(LARGE)


def test_the_integrity_of_a_large_file_that_has_just_changed_is_that_of_its_content(film: Path) -> None:
    application = served(film)
    for content in (LARGE, LARGE[::-1]):
        film.write_bytes(content)
        assert application.integrity("film.bin") == integrity_of(digest_of([content]))


def test_the_integrity_of_a_growing_file_is_an_error_and_no_endless_read(film: Path, disk: Disk) -> None:
    application = served(film)
    disk.grows = True
    with pytest.raises(UnknownAssetError):
        application.integrity("film.bin")
    assert disk.read < 1.5 * len(LARGE)


# Many requests, and damaged files


@pytest.mark.usefixtures("_settled")
@pytest.mark.parametrize("is_fingerprinted", [False, True])
def test_many_requests_at_once_read_a_file_once(
    film: Path, monkeypatch: pytest.MonkeyPatch, is_fingerprinted: bool
) -> None:
    started, reads = threading.Barrier(8), list[str]()
    if is_fingerprinted:  # by a manifest without digests, such as Django's
        names = {"version": "1.1", "hash": "", "paths": {"movie.bin": "film.bin"}}
        put(film.parent, "staticfiles.json", json.dumps(names).encode())

    def inspecting(path: str, *arguments: Any, **keywords: Any) -> Any:
        reads.append(path)
        time.sleep(0.2)  # the others arrive meanwhile
        return inspect(path, *arguments, **keywords)

    monkeypatch.setattr(live_files, "inspect", inspecting)
    monkeypatch.setattr("hashserve.serve.fingerprinted.inspect", inspecting)
    application = served(film, largest_digested=1 << 23)

    def ask() -> int:
        started.wait()
        return request(application, URL, method="HEAD").status

    with ThreadPoolExecutor(8) as pool:
        assert {future.result() for future in [pool.submit(ask) for _ in range(8)]} == {200}
    assert len(reads) == 1


def test_a_variant_that_decodes_to_more_than_its_source_is_not_decoded_to_its_end(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film.write_bytes(b"small")
    put(film.parent, "film.bin.gz", gzip.compress(bytes(64 << 20)), age=0)
    digested = []

    def counting(chunks: Iterator[bytes]) -> str:
        parts = list(chunks)
        digested.append(sum(map(len, parts)))
        return digest_of(parts)

    monkeypatch.setattr("hashserve.serve.inspection.digest_of", counting)
    assert "Content-Encoding" not in request(served(film), URL, accept_encoding="gzip")
    assert max(digested) < 1 << 20


def test_a_large_damaged_fingerprinted_file_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = BuiltTree(str(tmp_path))
    path = tree.add("film.bin", LARGE)
    tree.publish()
    location = put(tree.root, path, LARGE[:-1] + b"\0")
    monkeypatch.setattr("hashserve.serve.body_cache.SETTLED_AFTER", -1)
    disk = Disk(location, monkeypatch)
    application = HashServe(wrapped_application, tree.root, "/static/")
    for _ in range(3):
        assert request(application, f"/static/{path}").status == 404
    assert disk.read < 1.5 * len(LARGE)


# Changes at a certain moment


@pytest.mark.usefixtures("_settled")
def test_a_large_file_that_is_written_to_while_it_is_looked_at_is_a_snapshot(film: Path, disk: Disk) -> None:
    disk.grows = True
    assert is_snapshot(request(served(film), URL, method="HEAD"))


@pytest.mark.usefixtures("_settled")
def test_a_large_file_that_is_replaced_before_it_is_looked_at_is_a_snapshot(
    film: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looking(path: str, root: Root) -> large_files.LargeFile:
        film.write_bytes(LARGE + b"longer")
        return large_files.look_at(path, root)

    monkeypatch.setattr(live_files, "look_at", looking)
    reply = request(served(film), URL)
    assert (is_snapshot(reply), reply.body) == (True, LARGE + b"longer")


@pytest.mark.parametrize("largest_digested", [0, 1 << 23])
def test_a_file_that_ends_before_its_size_is_unavailable(
    film: Path, monkeypatch: pytest.MonkeyPatch, largest_digested: int
) -> None:
    monkeypatch.setattr(live_files, "SETTLED_AFTER", -1)
    monkeypatch.setattr("os.read", lambda descriptor, most: b"")
    assert request(served(film, largest_digested=largest_digested), URL).status == 503


def test_a_file_that_is_larger_than_it_was_a_moment_ago_is_not_read(film: Path, disk: Disk) -> None:
    with pytest.raises(ChangedFileError, match="grew while it was opened"):
        inspect(str(film), Root(f"{film.parent}/"), keep=0, most=len(LARGE) - 1)
    assert disk.read == 0


def test_a_small_snapshot_that_is_cut_short_before_it_is_read_is_an_error(film: Path) -> None:
    stored = StoredFile(str(film), len(LARGE), "identity", "", None, is_snapshot=True)
    assert OpenFile(os.open(film, os.O_RDONLY)).read(stored) == LARGE
    opened = OpenFile(os.open(film, os.O_RDONLY))
    os.truncate(film, 10)
    with pytest.raises(ChangedFileError, match="was cut short while it was read"):
        opened.read(stored)


def test_many_requests_at_once_prove_a_large_fingerprinted_file_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = BuiltTree(str(tmp_path))
    path = tree.add("film.bin", LARGE)
    tree.publish()
    started, proofs = threading.Barrier(8), list[str]()

    def proving(file: StoredFile, chunks: Iterator[bytes]) -> None:
        proofs.append(file.path)
        time.sleep(0.2)  # the others arrive meanwhile
        prove(file, chunks)

    monkeypatch.setattr("hashserve.serve.body_cache.prove", proving)
    application = HashServe(wrapped_application, tree.root, "/static/")

    def ask() -> bytes:
        started.wait()
        return request(application, f"/static/{path}", range="bytes=0-1").body

    with ThreadPoolExecutor(8) as pool:
        assert {future.result() for future in [pool.submit(ask) for _ in range(8)]} == {LARGE[:2]}
    assert len(proofs) == 1
