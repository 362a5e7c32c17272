"""Live files: whatever is on disk now, however it got there."""

from __future__ import annotations

import gzip
import os
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import Mock
from urllib.parse import unquote

import brotli
import pytest

from hashserve import HashServe
from hashserve.http.codings import CODINGS
from hashserve.http.messages import StoredFile
from hashserve.serve import live_files as live_module
from hashserve.serve.assets import Asset
from hashserve.serve.body_cache import BodyCache
from hashserve.serve.failure_log import MOST_LOGGED_OF_CLIENTS
from hashserve.serve.files import ChangedFileError
from hashserve.serve.header_hook import HeaderHook
from hashserve.serve.inspection import Root, inspect
from hashserve.serve.live_files import LiveFiles
from hashserve.serve.policy import Policy
from tests.support.client import APPLICATION_BODY, Reply, request, wrapped_application
from tests.support.files import put
from tests.support.trees import STYLES, TEN, put_variants, wait_for_tick

LARGE = bytes(range(256)) * 8 * 1024  # 2 MiB: more than is kept in memory


@pytest.fixture
def root(tmp_path: Any) -> str:
    root = str(tmp_path / "root")
    put(root, "ten.txt", TEN)
    return root


@pytest.fixture(params=["settled", "unsettled"], autouse=True)
def settled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Run each test twice: with files that count as old, so that they are remembered, and with new ones."""
    if request.param == "settled":
        monkeypatch.setattr(live_module, "SETTLED_AFTER", -1)
    return bool(request.param == "settled")


@pytest.fixture
def application(root: str) -> HashServe:
    return HashServe(wrapped_application, root, "/static/")


def is_passed_on(reply: Reply) -> bool:
    return reply.status == 200 and reply.body == APPLICATION_BODY


def is_clean_404(reply: Reply) -> bool:
    return (reply.status, reply.all("Cache-Control")) == (404, ["no-store"])


# How a file changes


def write_in_place(path: str, content: bytes) -> None:
    with open(path, "r+b") as stream:
        stream.write(content)
        stream.truncate()


def write_by_rename(path: str, content: bytes) -> None:
    with open(f"{path}.new", "wb") as stream:
        stream.write(content)
    os.replace(f"{path}.new", path)


def delete_and_write(path: str, content: bytes) -> None:
    os.unlink(path)
    with open(path, "wb") as stream:
        stream.write(content)


def write_with_the_same_times(path: str, content: bytes) -> None:
    status = os.stat(path)
    write_in_place(path, content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def rename_with_the_same_times(path: str, content: bytes) -> None:
    status = os.stat(path)
    write_by_rename(path, content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def put_a_link(path: str, content: bytes) -> None:
    with open(f"{path}.target", "wb") as stream:
        stream.write(content)
    os.unlink(path)
    os.symlink(os.path.basename(path) + ".target", path)


CHANGES = [
    write_in_place,
    write_by_rename,
    delete_and_write,
    write_with_the_same_times,
    rename_with_the_same_times,
    put_a_link,
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("old", [TEN, LARGE])
@pytest.mark.parametrize("shape", ["same size", "shorter", "longer", "empty"])
def test_a_replaced_file_is_served_replaced_at_the_next_request(
    application: HashServe, root: str, change: Callable[[str, bytes], None], old: bytes, shape: str
) -> None:
    path = str(put(root, "file.bin", old))
    new = {"same size": old[::-1], "shorter": old[:-3], "longer": old + b"x", "empty": b""}[shape]
    first = request(application, "/static/file.bin")
    assert (first.status, first.body) == (200, old)
    wait_for_tick(root)
    change(path, new)
    second = request(application, "/static/file.bin", if_none_match=first["ETag"])
    assert (second.status, second.body, second["Content-Length"]) == (200, new, str(len(new)))
    assert second["ETag"] != first["ETag"]
    part = request(application, "/static/file.bin", range="bytes=-2", if_range=first["ETag"])
    assert (part.status, part.body) == (200, new)


def test_two_changes_within_one_tick_are_both_seen(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # this is what waiting until a file has settled is for
    application = HashServe(wrapped_application, root, "/static/")
    for number in range(50):
        content = b"%010d" % number
        write_in_place(os.path.join(root, "ten.txt"), content)
        os.utime(os.path.join(root, "ten.txt"), (1_000_000_000, 1_000_000_000))
        assert request(application, "/static/ten.txt").body == content


def test_the_same_bytes_anew_are_the_same_representation(application: HashServe, root: str) -> None:
    first = request(application, "/static/ten.txt")
    wait_for_tick(root)
    delete_and_write(os.path.join(root, "ten.txt"), TEN)
    assert request(application, "/static/ten.txt", if_none_match=first["ETag"]).status == 304


def test_a_deleted_file_is_gone_and_a_recreated_one_is_back(application: HashServe, root: str) -> None:
    for content in (b"one", b"two", LARGE, b"four"):
        path = put(root, "file.bin", content)
        assert request(application, "/static/file.bin").body == content
        os.unlink(path)
        assert is_passed_on(request(application, "/static/file.bin"))


def test_a_deleted_and_recreated_root_is_served_again(application: HashServe, root: str) -> None:
    assert request(application, "/static/ten.txt").body == TEN
    shutil.rmtree(root)
    assert is_passed_on(request(application, "/static/ten.txt"))
    put(root, "ten.txt", b"new")
    assert request(application, "/static/ten.txt").body == b"new"


def test_a_root_that_appears_later_is_served_then(tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    application = HashServe(wrapped_application, tmp_path / "later", "/static/")
    assert "no folder" in caplog.text
    assert is_passed_on(request(application, "/static/ten.txt"))
    put(str(tmp_path / "later"), "ten.txt", TEN)
    assert request(application, "/static/ten.txt").body == TEN


def test_a_remembered_file_is_not_read_again(
    root: str, settled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = HashServe(wrapped_application, root, "/static/")
    inspected: list[str] = []

    def counting(path: str, *arguments: Any, **keywords: Any) -> Any:
        inspected.append(path)
        return inspect(path, *arguments, **keywords)

    monkeypatch.setattr(live_module, "inspect", counting)
    for _ in range(3):
        assert request(application, "/static/ten.txt").body == TEN
    assert len(inspected) == (1 if settled else 3)


# Variants


def coded(application: HashServe, path: str = "/static/css/app.css") -> Reply:
    return request(application, path, accept_encoding="br, gzip")


@pytest.fixture
def styles(root: str) -> str:
    path = str(put(root, "css/app.css", STYLES))
    put_variants(root, "css/app.css", STYLES)
    return path


def test_a_variant_that_proves_itself_is_used(application: HashServe, styles: str) -> None:
    for _ in range(2):
        reply = coded(application)
        assert (reply["Content-Encoding"], brotli.decompress(reply.body)) == ("br", STYLES)


def test_a_variant_of_other_bytes_is_not_used(application: HashServe, root: str, styles: str) -> None:
    assert "Content-Encoding" in coded(application)
    new = STYLES + b"/* new */"
    wait_for_tick(root)
    put(root, "css/app.css", new, age=60)  # no younger than the variants
    reply = coded(application)
    assert (reply.all("Content-Encoding"), reply.body) == ([], new)
    put(root, "css/app.css.gz", gzip.compress(new), age=0)
    reply = coded(application)
    assert (reply["Content-Encoding"], gzip.decompress(reply.body)) == ("gzip", new)


def test_a_variant_older_than_its_source_is_not_used(application: HashServe, root: str, styles: str) -> None:
    put(root, "css/app.css", STYLES, age=0)
    assert "Content-Encoding" not in coded(application)


def cut_short(path: str) -> None:
    os.truncate(path, os.path.getsize(path) // 2)


def damage(path: str) -> None:
    with open(path, "r+b") as stream:
        stream.write(b"\xff\xff\xff\xff\xff\xff")


def empty(path: str) -> None:
    os.truncate(path, 0)


def make_a_folder(path: str) -> None:
    os.unlink(path)
    os.mkdir(path)


def make_a_fifo(path: str) -> None:
    os.unlink(path)
    os.mkfifo(path)


def make_a_broken_link(path: str) -> None:
    os.unlink(path)
    os.symlink("nowhere", path)


def delete(path: str) -> None:
    os.unlink(path)


def append(path: str) -> None:
    with open(path, "ab") as stream:
        stream.write(b"more")


@pytest.mark.parametrize(
    "spoil",
    [cut_short, damage, empty, append, delete, make_a_folder, make_a_fifo, make_a_broken_link],
)
def test_a_spoilt_variant_is_left_out_and_the_others_are_used(
    application: HashServe, root: str, styles: str, spoil: Callable[[str], None]
) -> None:
    assert coded(application)["Content-Encoding"] == "br"
    wait_for_tick(root)
    spoil(f"{styles}.br")
    reply = coded(application)
    assert (reply["Content-Encoding"], gzip.decompress(reply.body)) == ("gzip", STYLES)
    if os.path.isfile(f"{styles}.gz"):
        spoil(f"{styles}.gz")
    reply = coded(application)
    assert (reply.all("Content-Encoding"), reply.body) == ([], STYLES)


def test_a_variant_that_is_a_link_out_of_the_root_is_not_used(
    application: HashServe, root: str, styles: str
) -> None:
    os.unlink(f"{styles}.br")
    outside = put(os.path.dirname(root), "outside.br", brotli.compress(STYLES), age=0)
    os.symlink(outside, f"{styles}.br")
    assert coded(application)["Content-Encoding"] == "gzip"


@pytest.mark.parametrize("suffix", [coding.suffix for coding in CODINGS.values()])
def test_a_variants_own_url_exists_only_without_its_source(
    application: HashServe, root: str, suffix: str
) -> None:
    put(root, f"ten.txt{suffix}", b"bytes")
    assert is_passed_on(request(application, f"/static/ten.txt{suffix}"))
    os.unlink(os.path.join(root, "ten.txt"))
    assert request(application, f"/static/ten.txt{suffix}").body == b"bytes"


# Links


def test_a_link_within_the_root_is_served(application: HashServe, root: str) -> None:
    put(root, "folder/deep.txt", b"deep")
    os.symlink("ten.txt", os.path.join(root, "link.txt"))
    os.symlink("folder", os.path.join(root, "folder-link"))
    assert request(application, "/static/link.txt").body == TEN
    assert request(application, "/static/folder-link/deep.txt").body == b"deep"


def test_a_link_out_of_the_root_is_a_404_and_logged_once(
    application: HashServe, root: str, caplog: pytest.LogCaptureFixture
) -> None:
    outside = put(os.path.dirname(root), "secret.txt", b"secret")
    os.symlink(outside, os.path.join(root, "link.txt"))
    for _ in range(3):
        assert is_clean_404(request(application, "/static/link.txt"))
    assert caplog.text.count("leads out of the root") == 1


def test_a_sibling_folder_whose_name_starts_alike_is_outside(application: HashServe, root: str) -> None:
    outside = put(f"{root}-private", "secret.txt", b"secret")
    os.symlink(outside, os.path.join(root, "link.txt"))
    assert is_clean_404(request(application, "/static/link.txt"))


def test_a_file_that_becomes_a_link_out_of_the_root_is_no_longer_served(
    application: HashServe, root: str
) -> None:
    path = os.path.join(root, "ten.txt")
    assert request(application, "/static/ten.txt").body == TEN
    outside = put(os.path.dirname(root), "secret.txt", b"secret")
    os.unlink(path)
    os.symlink(outside, path)
    assert is_clean_404(request(application, "/static/ten.txt"))


def test_a_root_that_is_a_link_is_followed_to_where_it_leads_now(tmp_path: Any) -> None:
    for number in (1, 2):
        put(str(tmp_path / f"release-{number}"), "ten.txt", b"release %d" % number)
    current = tmp_path / "current"
    current.symlink_to("release-1")
    application = HashServe(wrapped_application, current, "/static/")
    assert request(application, "/static/ten.txt").body == b"release 1"
    current.unlink()
    current.symlink_to("release-2")
    assert request(application, "/static/ten.txt").body == b"release 2"


def test_a_root_that_moves_while_a_file_is_opened_is_not_taken_for_a_link_that_leaves(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        put(str(tmp_path / f"release-{number}"), "ten.txt", b"release %d" % number)
    current = tmp_path / "current"
    current.symlink_to("release-1")
    application = HashServe(wrapped_application, current, "/static/")
    real_path, calls = os.path.realpath, []

    def moving(path: str) -> str:
        found = real_path(path)
        calls.append(path)
        if len(calls) == 1:  # between the root's real path and the file's
            current.unlink()
            current.symlink_to("release-2")
        return found

    monkeypatch.setattr("os.path.realpath", moving)
    assert request(application, "/static/ten.txt").body == b"release 2"


def test_a_file_that_is_swapped_between_open_and_check_is_not_trusted(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.path.join(root, "ten.txt")
    real_path, calls = os.path.realpath, []

    def swapping(name: str) -> str:
        calls.append(name)
        if len(calls) == 1:
            write_by_rename(path, b"another")
        return real_path(name)

    monkeypatch.setattr("os.path.realpath", swapping)
    application = HashServe(wrapped_application, root, "/static/")
    assert request(application, "/static/ten.txt").body == b"another"


@pytest.mark.parametrize("name", ["loop", "folder/loop", "broken.txt", "self/ten.txt/self"])
def test_loops_and_broken_links_name_nothing(application: HashServe, root: str, name: str) -> None:
    os.mkdir(os.path.join(root, "folder"))
    os.symlink("loop", os.path.join(root, "loop"))
    os.symlink("../folder/loop", os.path.join(root, "folder/loop"))
    os.symlink("nowhere", os.path.join(root, "broken.txt"))
    os.symlink(".", os.path.join(root, "self"))
    assert is_passed_on(request(application, f"/static/{name}"))


def test_a_link_to_the_root_itself_does_not_publish_the_manifest(application: HashServe, root: str) -> None:
    put(root, "staticfiles.json", b'{"paths": {}, "version": "1.1", "hash": ""}')
    put(root, "staticfiles.json.gz", b"variant")
    put(root, "other/staticfiles.json", b"another file of that name")
    os.symlink(".", os.path.join(root, "self"))
    assert request(application, "/static/self/self/ten.txt").body == TEN
    links = ("self/staticfiles.json", "self/self/staticfiles.json")
    for path in ("staticfiles.json", "staticfiles.json.gz", *links):
        assert is_passed_on(request(application, f"/static/{path}"))
    assert request(application, "/static/other/staticfiles.json").status == 200


# What is no file

NOT_AS_LONG = ("/proc/version", "/sys/kernel/uevent_seqnum")


def test_a_folder_in_place_of_a_file_names_nothing(application: HashServe, root: str) -> None:
    path = os.path.join(root, "ten.txt")
    assert request(application, "/static/ten.txt").body == TEN
    os.unlink(path)
    os.mkdir(path)
    assert is_passed_on(request(application, "/static/ten.txt"))
    os.rmdir(path)
    os.mkfifo(path)
    assert is_passed_on(request(application, "/static/ten.txt"))
    os.unlink(path)
    put(root, "ten.txt", b"back")
    assert request(application, "/static/ten.txt").body == b"back"


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev/tty"])
def test_a_device_is_never_served(root: str, device: str) -> None:
    os.symlink(device, os.path.join(root, "device"))
    for follow in (False, True):
        application = HashServe(wrapped_application, root, "/static/", follow_symlinks=follow)
        assert is_passed_on(request(application, "/static/device"))


@pytest.mark.parametrize("file", [file for file in NOT_AS_LONG if os.path.isfile(file)])
def test_a_file_that_is_not_as_long_as_it_says_never_has_a_wrong_length(root: str, file: str) -> None:
    os.symlink(file, os.path.join(root, "odd.txt"))
    application = HashServe(wrapped_application, root, "/static/", follow_symlinks=True)
    assert request(application, "/static/odd.txt").status in (404, 503)


def test_a_fifo_put_in_place_after_the_look_does_not_block(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.path.join(root, "ten.txt")
    real_open = os.open

    def swapping(name: Any, *arguments: Any) -> int:
        if name == path:
            make_a_fifo(path)
        return real_open(name, *arguments)

    application = HashServe(wrapped_application, root, "/static/")
    monkeypatch.setattr("os.open", swapping)
    assert is_passed_on(request(application, "/static/ten.txt"))


# Names


@pytest.mark.parametrize(
    "name",
    [
        b"\xc3\xa9.txt",  # NFC
        b"e\xcc\x81.txt",  # NFD: another name on most systems
        b"\xe9.txt",  # Latin-1: no UTF-8
        b"\xff\xfe",
        b"a b+c&d=e.txt",
        b"100%.txt",
        b"%41.txt",
        b"aa:b;c,d.txt",
        "日本語/ファイル.txt".encode(),
        "😀.svg".encode(),
        b"tab\there",
        b"line\nbreak",
        b"x" * 255,
    ],
)
def test_odd_names_are_served_as_they_are(application: HashServe, root: str, name: bytes) -> None:
    path = os.fsdecode(name)
    put(root, path, name)
    reply = request(application, f"/static/{path}")
    assert (reply.status, reply.body) == (200, name)
    assert request(application, unquote(application.url(path), errors="surrogateescape")).body == name


def test_the_two_forms_of_one_accented_letter_are_two_names(application: HashServe, root: str) -> None:
    put(root, "e\u0301.txt", b"decomposed")
    assert request(application, "/static/e\u0301.txt").body == b"decomposed"
    assert is_passed_on(request(application, "/static/\u00e9.txt"))


NOTHING = (
    *("", ".", "..", "../ten.txt", "./ten.txt", "/ten.txt", "//", "a//b", "ten.txt/", "ten.txt/."),
    *("\0", "a\0b", "a\\b", "..\\ten.txt", "%2e%2e%2fx", "a%2Fb", "a%5cb", "C:/x"),
    *(".hidden", "a/.hidden", "a/.well-known/x", ".well-known/.hidden", ".well-known", ".well-known/"),
    *("x" * 256, "x/" * 5000, "\udc80" * 300),
)


@pytest.mark.parametrize("path", NOTHING)
@pytest.mark.parametrize("index_file", [None, "index.html"])
def test_what_names_nothing_is_passed_on(root: str, path: str, index_file: str | None) -> None:
    for name in (".hidden", "a/.hidden", "a/.well-known/x", ".well-known/.hidden"):
        put(root, name, b"hidden")
    application = HashServe(wrapped_application, root, "/static/", index_file=index_file)
    assert is_passed_on(request(application, f"/static/{path}"))


def test_characters_that_are_no_bytes_name_nothing(application: HashServe) -> None:
    body = application({"REQUEST_METHOD": "GET", "PATH_INFO": "/static/\u20ac.txt"}, Mock())
    assert list(body) == [APPLICATION_BODY]


# What cannot be read


@contextmanager
def without_rights() -> Iterator[None]:
    """Become the user nobody for a while if the tests run as root, who needs no permission."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65_534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_file_without_permission_is_a_404_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with tempfile.TemporaryDirectory() as root:
        os.chmod(root, 0o755)
        put(root, "closed/x.txt", b"x")
        os.chmod(put(root, "secret.txt", b"secret"), 0)
        os.chmod(os.path.join(root, "closed"), 0)
        application = HashServe(wrapped_application, root, "/static/")
        with without_rights():
            for _ in range(3):
                assert is_clean_404(request(application, "/static/secret.txt"))
            assert is_passed_on(request(application, "/static/closed/x.txt"))
        assert caplog.text.count("Permission denied") == 1
        os.chmod(os.path.join(root, "closed"), 0o755)
        os.chmod(os.path.join(root, "secret.txt"), 0o644)
        with without_rights():
            assert request(application, "/static/secret.txt").body == b"secret"
            assert request(application, "/static/closed/x.txt").body == b"x"


@contextmanager
def without_descriptors() -> Iterator[None]:
    """Let this process open no files for a while."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_without_descriptors_it_is_a_503_that_no_cache_stores(application: HashServe) -> None:
    with without_descriptors():
        reply = request(application, "/static/ten.txt")
    assert (reply.status, reply["Cache-Control"], reply["Retry-After"]) == (503, "no-store", "1")
    assert request(application, "/static/ten.txt").body == TEN


def test_the_log_of_one_site_is_bounded(root: str, caplog: pytest.LogCaptureFixture) -> None:
    application = HashServe(wrapped_application, root, "/static/")
    outside = put(os.path.dirname(root), "secret.txt", b"secret")
    for number in range(1010):
        os.symlink(outside, os.path.join(root, f"{number}.txt"))
        request(application, f"/static/{number}.txt")
    assert caplog.text.count("leads out of the root") == MOST_LOGGED_OF_CLIENTS


# Races, made to happen


def changing_when_read(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object], times: int) -> None:
    """Call ``change`` after each of the first ``times`` reads of any file."""
    real_read, done = os.read, list[None]()

    def reading(descriptor: int, most: int) -> bytes:
        chunk = real_read(descriptor, most)
        if len(done) < times:
            done.append(None)
            change()
        return chunk

    monkeypatch.setattr("os.read", reading)


def changing_when_opened(
    monkeypatch: pytest.MonkeyPatch, path: str, change: Callable[[], object], times: int
) -> None:
    """Call ``change`` after each of the first ``times`` opens of ``path``."""
    real_open, done = os.open, list[None]()

    def opening(name: Any, *arguments: Any, **keywords: Any) -> int:
        descriptor = real_open(name, *arguments, **keywords)
        if name == path and len(done) < times:
            done.append(None)
            change()
        return descriptor

    monkeypatch.setattr("os.open", opening)


def test_a_file_that_grows_while_it_is_read_takes_no_memory(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = os.path.join(root, "ten.txt")
    read: list[int] = []
    real_read = os.read

    def reading(descriptor: int, most: int) -> bytes:
        append(path)
        chunk = real_read(descriptor, most)
        read.append(len(chunk))
        return chunk

    monkeypatch.setattr("os.read", reading)
    with pytest.raises(ChangedFileError, match="changed while it was read"):
        inspect(path, Root(path=os.path.join(root, "")), keep=1 << 20)
    assert sum(read) <= len(TEN) + 1


def test_a_file_that_vanishes_while_it_is_answered_is_a_clean_404(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(put(root, "large.bin", LARGE))
    application = HashServe(wrapped_application, root, "/static/")
    changing_when_opened(
        monkeypatch, path, lambda: os.unlink(path), 1
    )  # between the inspection and the answer
    assert is_passed_on(request(application, "/static/large.bin"))


def test_a_file_that_is_replaced_between_the_inspection_and_the_answer_is_looked_at_again(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(put(root, "large.bin", LARGE))
    application = HashServe(wrapped_application, root, "/static/")
    changing_when_opened(monkeypatch, path, lambda: write_by_rename(path, LARGE[::-1]), 1)
    reply = request(application, "/static/large.bin")
    assert (reply.status, reply.body) == (200, LARGE[::-1])


# Memory


def files_of(root: str, **settings: Any) -> LiveFiles:
    settings = {"hidden": (), "most_remembered": 10, **settings}
    return LiveFiles(
        Root(path=os.path.join(root, "")),
        "/static/",
        Policy(),
        BodyCache(1 << 20, largest=1 << 18),
        **settings,
    )


def test_no_more_files_are_remembered_than_the_setting_says(root: str) -> None:
    files = files_of(root)
    for number in range(100):
        put(root, f"{number}.txt", b"%d" % number)
        assert isinstance(files.find(f"{number}.txt"), Asset)
    assert len(files._remembered) <= 10


@pytest.mark.parametrize("latest", ["css/styles.css", "css/styles.css.br"])
def test_a_file_is_not_remembered_while_it_or_one_of_its_variants_has_just_changed(
    root: str, monkeypatch: pytest.MonkeyPatch, latest: str
) -> None:
    put(root, "css/styles.css", STYLES, age=60)
    put(root, "css/styles.css.br", brotli.compress(STYLES), age=30)
    locations = [os.path.join(root, path) for path in ("css/styles.css", "css/styles.css.br")]
    before = max(os.stat(location).st_ctime_ns for location in locations)
    changed = os.path.join(root, latest)
    while os.stat(changed).st_ctime_ns <= before:
        os.chmod(changed, 0o644)
    files, now = files_of(root), os.stat(changed).st_ctime_ns + 1
    # The other file changed long enough ago, this one a nanosecond ago.
    monkeypatch.setattr(live_module, "SETTLED_AFTER", 1)
    monkeypatch.setattr("hashserve.serve.live_files.time.time_ns", lambda: now)
    asset = files.find("css/styles.css")
    assert isinstance(asset, Asset)
    assert set(asset.representations) == {"identity", "br"}
    assert len(files._remembered) == 0


def test_paths_that_name_nothing_are_not_remembered(root: str) -> None:
    files = files_of(root)
    for number in range(1000):
        assert files.find(f"none-{number}.txt") is None
    assert len(files._remembered) == 0


def test_the_hook_gets_the_folders_url_for_an_index_file(root: str) -> None:
    told: list[str] = []
    put(root, "folder/index.html", b"<p>")
    policy = Policy(add_headers=HeaderHook(lambda fields, path, url: told.append(url)))
    files = LiveFiles(
        Root(path=os.path.join(root, "")),
        "/static/",
        policy,
        BodyCache(1 << 20, largest=1 << 18),
        hidden=(),
        index_file="index.html",
        most_remembered=1,
    )
    asset = files.find("folder/index.html")
    assert isinstance(asset, Asset)
    assert isinstance(asset.representations["identity"].content, StoredFile)
    assert told == ["/static/folder/"]


# The live files themselves


def live_of(root: str, **arguments: Any) -> LiveFiles:
    bodies = BodyCache(1 << 20, 1 << 18)
    given: dict[str, Any] = {"hidden": ["staticfiles.json"], "most_remembered": 10, **arguments}
    return LiveFiles(Root(os.path.join(root, "")), "/static/", Policy(), bodies, **given)


def asset_at(live: LiveFiles, path: str) -> Asset:
    asset = live.find(path)
    assert isinstance(asset, Asset)
    return asset


def test_an_unchanged_file_has_the_asset_that_was_made_of_it(root: str, settled: bool) -> None:
    live = live_of(root)
    assert (asset_at(live, "ten.txt") is asset_at(live, "ten.txt")) is settled


def test_the_bytes_that_were_inspected_are_kept(root: str) -> None:
    live = live_of(root)
    asset = asset_at(live, "ten.txt")
    os.unlink(os.path.join(root, "ten.txt"))
    assert live._bodies.read(asset.representations["identity"].content) == TEN


def test_only_the_asset_that_is_remembered_is_watched(root: str, settled: bool) -> None:
    live = live_of(root)
    asset = asset_at(live, "ten.txt")
    assert (live.watched("ten.txt", asset) is not None) is settled
    assert live.watched("ten.txt", asset.with_cache_control("no-cache")) is None
    gathered = live_of(root, locate=lambda path: os.path.join(root, path))
    assert gathered.watched("ten.txt", asset_at(gathered, "ten.txt")) is None


def test_a_file_with_the_name_of_a_hidden_one_is_not_watched_however_deep_it_is(root: str) -> None:
    live = live_of(root)
    put(root, "a/b/staticfiles.json", b"another file of that name")
    assert live.watched("a/b/staticfiles.json", asset_at(live, "a/b/staticfiles.json")) is None


@pytest.mark.parametrize(
    ("moment", "date"),
    [
        (live_module.EARLIEST_DATE - 1, None),
        (live_module.EARLIEST_DATE, live_module.EARLIEST_DATE),
        (1_699_999_999, 1_699_999_999),
        (1_700_000_000, None),  # this second goes on: the next content may have this date too
        (1_700_000_001, None),
    ],
)
def test_a_date_counts_from_1980_to_the_last_second(
    root: str, moment: int, date: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(os.path.join(root, "ten.txt"), (moment, moment))
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.9)
    assert asset_at(live_of(root), "ten.txt").last_modified == date


def test_a_file_that_is_another_than_was_looked_at_is_not_remembered(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(root, "other.txt", b"other")
    live = live_of(root)

    def inspecting(path: str, root: Root, *, keep: int, most: int) -> Any:
        return inspect(path.replace("ten.txt", "other.txt"), root, keep=keep)

    monkeypatch.setattr(live_module, "inspect", inspecting)
    asset = asset_at(live, "ten.txt")
    assert live.watched("ten.txt", asset) is None
