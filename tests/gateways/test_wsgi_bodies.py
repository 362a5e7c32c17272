"""Bodies as servers read them: through their own wrapper, through ours, and only in part."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from hashserve import HashServe, TruncatedFileError
from hashserve.serve.files import ChangedFileError
from tests.support.client import request, wrapped_application
from tests.support.files import put
from tests.support.trees import BuiltTree

LARGE = bytes(range(256)) * 8 * 1024  # 2 MiB
RANGES = ["bytes=0-0", "bytes=5-", "bytes=-7", "bytes=300000-900000", f"bytes=0-{len(LARGE) - 2}", "bytes=0-"]


def open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


@pytest.fixture(params=["live", "fingerprinted"])
def served(request: pytest.FixtureRequest, built: BuiltTree) -> tuple[HashServe, str, str]:
    """Return an application, the URL of a large file in it, and its place on disk."""
    path = built.add("large.bin", LARGE)
    built.publish()
    name = path if request.param == "fingerprinted" else "large.bin"
    return HashServe(wrapped_application, built.root), f"/static/{name}", os.path.join(built.root, name)


class SeekedWrapper(FileWrapper):
    """A wrapper that sends from the file's offset up to Content-Length, as gunicorn's does."""


SeekedWrapper.__module__ = "gunicorn.http.wsgi"


def from_byte_0(stream: Any, block_size: int = 8192) -> Iterable[bytes]:
    """Send from byte 0, whatever the offset is, as uWSGI does."""
    stream.seek(0)
    return FileWrapper(stream, block_size)


WRAPPERS: list[Callable[..., Iterable[bytes]] | None] = [None, FileWrapper, SeekedWrapper, from_byte_0]


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("value", [None, *RANGES, "bytes=0-9,100-109"])
def test_every_wrapper_gets_what_it_sends_right(
    served: tuple[HashServe, str, str], wrapper: Callable[..., Iterable[bytes]] | None, value: str | None
) -> None:
    application, path, _ = served
    environ = {} if wrapper is None else {"wsgi.file_wrapper": wrapper}
    fields = {} if value is None else {"range": value}
    right = request(application, path, **fields)
    before = open_descriptors()
    reply = request(application, path, environ, **fields)
    length = int(reply["Content-Length"])
    assert (reply.status, reply.headers) == (right.status, right.headers)
    # Such a server sends nothing after Content-Length.
    body = reply.body[:length] if wrapper is SeekedWrapper else reply.body
    assert body == right.body
    assert len(right.body) == length
    assert open_descriptors() == before


def test_the_servers_wrapper_is_used_where_it_is_right(served: tuple[HashServe, str, str]) -> None:
    application, path, _ = served
    used: list[tuple[int, int]] = []

    class Recording(FileWrapper):
        def __init__(self, stream: Any, block_size: int = 8192) -> None:
            used.append((stream.tell(), stream.fileno()))
            super().__init__(stream, block_size)

    request(application, path, {"wsgi.file_wrapper": Recording})
    request(application, path, {"wsgi.file_wrapper": Recording}, range="bytes=5-9")
    assert [offset for offset, _ in used] == [0]
    Recording.__module__ = "gunicorn.http.wsgi"
    request(application, path, {"wsgi.file_wrapper": Recording}, range="bytes=5-9")
    assert [offset for offset, _ in used] == [0, 5]
    Recording.__module__ = "builtins"  # as bjoern's
    request(application, path, {"wsgi.file_wrapper": Recording})
    assert [offset for offset, _ in used] == [0, 5]


def started(application: HashServe, path: str, extra: dict[str, Any] | None = None) -> Any:
    def start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
        return lambda data: None

    return application({"REQUEST_METHOD": "GET", "PATH_INFO": path, **(extra or {})}, start_response)


@pytest.mark.parametrize("wrapper", [None, FileWrapper, SeekedWrapper])
@pytest.mark.parametrize("chunks", [0, 1])
@pytest.mark.parametrize("is_closed", [True, False])
def test_a_client_that_leaves_costs_no_descriptor(
    served: tuple[HashServe, str, str], wrapper: type[FileWrapper] | None, chunks: int, is_closed: bool
) -> None:
    if wrapper is not None and not is_closed:
        return  # a server that has a wrapper closes it
    before = open_descriptors()
    body = started(*served[:2], {} if wrapper is None else {"wsgi.file_wrapper": wrapper})
    iterator = iter(body)
    for _ in range(chunks):
        assert next(iterator)
    if is_closed:
        body.close()
        body.close()
    del body, iterator
    assert open_descriptors() == before


@pytest.mark.parametrize("wrapper", [None, FileWrapper, SeekedWrapper])
@pytest.mark.parametrize("name", ["large", "small"])
def test_a_server_that_refuses_the_start_costs_no_descriptor(
    served: tuple[HashServe, str, str], wrapper: type[FileWrapper] | None, name: str
) -> None:
    application, path, _ = served

    def refusing(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], object]:
        raise BrokenPipeError

    before = open_descriptors()
    environ: dict[str, Any] = {"REQUEST_METHOD": "GET", "PATH_INFO": path}
    if name == "small":
        environ["PATH_INFO"] = "/static/ten.txt"
    if wrapper is not None:
        environ["wsgi.file_wrapper"] = wrapper
    with pytest.raises(BrokenPipeError):
        application(environ, refusing)
    assert open_descriptors() == before


@pytest.mark.parametrize("method", ["HEAD", "POST", "OPTIONS"])
def test_what_has_no_body_of_the_file_leaves_no_descriptor_open(
    served: tuple[HashServe, str, str], method: str
) -> None:
    before = open_descriptors()
    request(*served[:2], {"wsgi.file_wrapper": FileWrapper}, method=method)
    request(*served[:2], method=method, range="bytes=0-5")
    assert open_descriptors() == before


# Files that change while they are sent


def test_a_file_cut_short_while_it_is_sent_ends_the_connection(served: tuple[HashServe, str, str]) -> None:
    application, path, location = served
    body = started(application, path)
    iterator = iter(body)
    chunks = [next(iterator)]
    os.truncate(location, len(chunks[0]) + 10)
    with pytest.raises(TruncatedFileError, match=r"ended \d+ bytes early") as caught:
        chunks.extend(iterator)
    assert caught.value.missing == len(LARGE) - sum(map(len, chunks))
    body.close()


@pytest.mark.parametrize("wrapper", [FileWrapper, SeekedWrapper])
def test_a_file_cut_short_behind_the_wrappers_back_ends_the_connection(
    served: tuple[HashServe, str, str], wrapper: type[FileWrapper]
) -> None:
    application, path, location = served
    before = open_descriptors()
    body = started(application, path, {"wsgi.file_wrapper": wrapper})
    os.truncate(location, 10)
    assert b"".join(body) == LARGE[:10]
    with pytest.raises(TruncatedFileError):
        body.close()
    body.close()
    assert open_descriptors() == before


def test_a_part_behind_the_new_end_of_a_file_ends_the_connection(served: tuple[HashServe, str, str]) -> None:
    application, path, location = served
    environ = {"wsgi.file_wrapper": SeekedWrapper, "HTTP_RANGE": "bytes=100-149"}
    body = started(application, path, environ)
    os.truncate(location, 120)  # longer than the part, but it ends within the part
    assert b"".join(body) == LARGE[100:120]
    with pytest.raises(TruncatedFileError) as caught:
        body.close()
    assert caught.value.missing == 30


def rewrite_in_place(location: str) -> None:
    with open(location, "r+b") as stream:
        stream.write(LARGE[::-1])
    os.utime(location, (1_000_000_000, 1_000_000_000))


def append(location: str) -> None:
    with open(location, "ab") as stream:
        stream.write(b"more")


@pytest.mark.parametrize("change", [rewrite_in_place, append])
def test_the_end_of_a_file_that_was_written_to_while_it_is_sent_is_kept_back(
    served: tuple[HashServe, str, str], change: Callable[[str], None]
) -> None:
    application, path, location = served
    is_known_by_size_alone = path != "/static/large.bin"
    if change is rewrite_in_place and is_known_by_size_alone:
        return
    body = started(application, path)
    iterator = iter(body)
    chunks = [next(iterator)]
    change(location)
    with pytest.raises(ChangedFileError, match="was written to while it was being sent"):
        chunks.extend(iterator)
    assert sum(map(len, chunks)) < len(LARGE)
    body.close()


def replace(location: str) -> None:
    os.replace(put(os.path.dirname(location), "new", b"new"), location)


@pytest.mark.parametrize("change", [os.unlink, replace])
def test_a_file_that_is_deleted_or_replaced_while_it_is_sent_is_sent_whole(
    served: tuple[HashServe, str, str], change: Callable[[str], None]
) -> None:
    application, path, location = served
    body = started(application, path)
    iterator = iter(body)
    content = next(iterator)
    change(location)
    assert content + b"".join(iterator) == LARGE
    body.close()
