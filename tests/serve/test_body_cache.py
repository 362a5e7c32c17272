"""Bodies in memory: each is proven, and together they stay within the budget."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from hashserve.digests import digest_of
from hashserve.file_identity import identify
from hashserve.http.messages import FileSpan, Response, StoredFile
from hashserve.serve import body_cache
from hashserve.serve.body_cache import BodyCache
from hashserve.serve.files import ChangedFileError, read_stored
from tests.support.deltas import three_releases
from tests.support.files import put


def stored(root: Any, name: str, content: bytes) -> StoredFile:
    return StoredFile(str(put(root, name, content)), len(content), "identity", digest_of([content]))


def held(cache: BodyCache) -> int:
    bodies = cache._bodies
    return sum(len(body) for body, _ in (*bodies._young.values(), *bodies._old.values()))


def test_a_body_that_is_kept_is_not_read_again(tmp_path: Any) -> None:
    cache, file = BodyCache(1 << 20, largest=1 << 18), stored(tmp_path, "a", b"content")
    assert cache.read(file) == b"content"
    os.unlink(file.path)
    assert cache.read(file) == b"content"
    cache.clear()
    with pytest.raises(FileNotFoundError):
        cache.read(file)


def test_the_budget_holds_whatever_is_read(tmp_path: Any) -> None:
    budget = 100_000
    cache = BodyCache(budget, largest=20_000)
    for number in range(200):
        content = bytes([number]) * (number * 100)
        assert cache.read(stored(tmp_path, f"{number}", content)) == content
        assert held(cache) + 512 * len(cache._bodies) <= budget


@pytest.mark.parametrize("budget", [0, 100, 1024, 1025, 2048, 1 << 20])
def test_whatever_counts_as_small_enough_is_really_kept(tmp_path: Any, budget: int) -> None:
    cache = BodyCache(budget, largest=1 << 20)
    for size in (0, 1, *range(max(cache.largest - 2, 0), max(cache.largest, 0) + 3)):
        file = stored(tmp_path, "a", b"x" * size)
        if file.size <= cache.largest:
            cache.read(file)
            assert cache._bodies.get(file) is not None, size


def test_the_callback_is_called_when_bodies_are_dropped(tmp_path: Any) -> None:
    told: list[int] = []
    cache = BodyCache(10_000, 4000, lambda: told.append(1))
    for number in range(10):
        cache.read(stored(tmp_path, f"{number}", b"%d" % number * 2000))
    assert told


def test_there_is_room_until_another_would_have_to_go(tmp_path: Any) -> None:
    cache = BodyCache(10_000, 4000)
    count = 0
    while cache.has_room(file := stored(tmp_path, f"{count}", b"%03d" % count * 500)):
        cache.read(file)
        count += 1
    assert count == 4
    assert held(cache) == 6000
    assert not cache.has_room(stored(tmp_path, "large", b"x" * 5000))


@pytest.mark.parametrize("content", [b"other", b"longer content", b"sho", b""])
def test_bytes_that_are_not_what_was_meant_are_never_kept(tmp_path: Any, content: bytes) -> None:
    cache, file = BodyCache(1 << 20, largest=1 << 18), stored(tmp_path, "a", b"right")
    put(str(tmp_path), "a", content)
    for _ in range(2):
        with pytest.raises(ChangedFileError, match="a: "):
            cache.read(file)
    assert len(cache._bodies) == 0


@pytest.mark.parametrize("content", [b"longer than it was", b"s"])
def test_a_file_that_changes_while_it_is_read_is_not_kept(
    tmp_path: Any, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, file = BodyCache(1 << 20, largest=1 << 18), stored(tmp_path, "a", b"right")
    real_read = os.read

    def changing(descriptor: int, most: int) -> bytes:
        put(str(tmp_path), "a", content)
        return real_read(descriptor, most)

    monkeypatch.setattr("os.read", changing)
    with pytest.raises(ChangedFileError, match="changed while it was read"):
        cache.read(file)
    assert len(cache._bodies) == 0


@pytest.mark.parametrize(("size", "has_room"), [(488, True), (489, False)])
def test_there_is_room_for_a_body_with_its_entry_up_to_half_the_budget(
    tmp_path: Any, size: int, has_room: bool
) -> None:
    cache = BodyCache(2000, largest=4000)
    assert cache.has_room(stored(tmp_path, "a", b"x" * size)) is has_room


def test_there_is_no_room_where_an_entry_does_not_fit_next_to_the_others(tmp_path: Any) -> None:
    cache = BodyCache(4000, largest=4000)
    for name in "abc":
        cache.read(stored(tmp_path, name, name.encode() * 700))
    assert not cache.has_room(stored(tmp_path, "d", b"x" * 800))


def test_what_is_kept_is_counted_with_its_entries(tmp_path: Any) -> None:
    cache, file = BodyCache(1 << 20, largest=1 << 18), stored(tmp_path, "a", b"content")
    assert cache.kept() == (0, 0)
    cache.keep(file, b"content")
    assert cache.kept() == (1, 7 + 512)
    os.unlink(file.path)
    assert cache.read(file) == b"content"


# Loading a response


def whole(file: StoredFile) -> Response:
    return Response(200, [("X-One", "1")], (FileSpan(file, 0, file.size),))


def test_a_response_without_a_file_stays_as_it_is() -> None:
    response = Response(404, [], (b"text",))
    assert BodyCache(1 << 20, largest=1 << 18).load(response) == (response, None)


def test_the_parts_of_a_small_file_are_loaded_between_the_bytes(tmp_path: Any) -> None:
    file = stored(tmp_path, "a", b"0123456789")
    response = Response(206, [("X-One", "1")], (b"<", FileSpan(file, 1, 2), b"|", FileSpan(file, 8, 2), b">"))
    loaded, descriptor = BodyCache(1 << 20, largest=10).load(response)
    assert loaded == Response(206, [("X-One", "1")], (b"<", b"12", b"|", b"89", b">"))
    assert descriptor is None


@pytest.mark.parametrize(("arguments", "count"), [({}, 1), ({"keep": True}, 1), ({"keep": False}, 0)])
def test_a_small_body_is_kept_unless_the_caller_forbids_it(
    tmp_path: Any, arguments: dict[str, Any], count: int
) -> None:
    cache = BodyCache(1 << 20, largest=1 << 18)
    cache.load(whole(stored(tmp_path, "a", b"content")), **arguments)
    assert cache.kept()[0] == count


def test_a_large_file_is_opened_at_its_start_and_identified(tmp_path: Any) -> None:
    file = stored(tmp_path, "a", b"0123456789")
    response = Response(206, [("X-One", "1")], (b"<", FileSpan(file, 3, 4)))
    loaded, descriptor = BodyCache(1 << 20, largest=9).load(response)
    assert descriptor is not None
    with open(descriptor, "rb") as stream:
        assert stream.read() == b"0123456789"
    identified = file._replace(file_identity=identify(os.stat(file.path)))
    assert loaded == Response(206, [("X-One", "1")], [b"<", FileSpan(identified, 3, 4)])


# Files that are too large to be kept


def opened(cache: BodyCache, file: StoredFile) -> bytes:
    """Open a large file as for its first byte, and read it from where it stands."""
    descriptor, _ = cache.open(FileSpan(file, 0, 1))
    with open(descriptor, "rb") as stream:
        return stream.read()


def test_a_large_file_is_proven_once_while_it_stays_as_it_is(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    proven: list[str] = []
    monkeypatch.setattr(
        "hashserve.serve.body_cache.prove", lambda file, chunks: proven.append(f"{file.path} {[*chunks]}")
    )
    cache, file = BodyCache(0, largest=0), stored(tmp_path, "a", b"content")
    for _ in range(2):
        assert opened(cache, file) == b"content"
    assert proven == [f"{file.path} [b'content']"]
    put(str(tmp_path), "a", b"CONTENT", age=3600)
    assert opened(cache, file) == b"CONTENT"
    assert len(proven) == 2


def test_a_large_file_of_other_bytes_is_closed_and_never_proven(tmp_path: Any) -> None:
    cache, file = BodyCache(0, largest=0), stored(tmp_path, "a", b"content")
    put(str(tmp_path), "a", b"CONTENT")
    free = os.dup(0)
    os.close(free)
    for _ in range(2):
        with pytest.raises(ChangedFileError, match="is not the content"):
            cache.open(FileSpan(file, 0, 1))
    after = os.dup(0)
    os.close(after)
    assert after == free


def test_a_large_live_file_is_known_by_its_identity_and_not_read(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = stored(tmp_path, "a", b"content")
    live = file._replace(file_identity=identify(os.stat(file.path)))
    monkeypatch.setattr("hashserve.serve.body_cache.prove", None)
    assert opened(BodyCache(0, largest=0), live) == b"content"


def test_a_large_file_whose_part_cannot_be_read_is_closed(tmp_path: Any) -> None:
    cache, file = BodyCache(0, largest=0), stored(tmp_path, "a", b"content")
    free = os.dup(0)
    os.close(free)
    with pytest.raises(ChangedFileError, match="was cut short while it was opened"):
        cache.open(FileSpan(file, 7, 1))
    after = os.dup(0)
    os.close(after)
    assert after == free


# Deltas


@pytest.fixture
def delta(tmp_path: Path) -> StoredFile:
    """Return a delta that has been on disk for some time, as has its dictionary."""
    tree = three_releases(tmp_path)
    record, old = tree.delta("js/app.js", 0), tree.content("js/app.js", 0)
    content = tree.content("js/app.js")
    dictionary = StoredFile(str(tmp_path / record.dictionary), len(old), "identity", digest_of([old]))
    location = str(tmp_path / record.path)
    return StoredFile(
        location,
        record.size,
        "dcz",
        digest_of([content]),
        dictionary=dictionary,
        content_size=len(content),
    )


def damage(path: str) -> bytes:
    """Change the last byte of a file, and return what it was before."""
    content = Path(path).read_bytes()
    Path(path).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    return content


@pytest.mark.parametrize("part", ["delta", "dictionary"])
def test_a_damaged_delta_is_read_once_until_it_or_its_dictionary_changes(
    delta: StoredFile, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert delta.dictionary is not None
    path = (delta if part == "delta" else delta.dictionary).path
    content, cache = damage(path), BodyCache(1 << 20, largest=1 << 18)
    reads = Mock(wraps=read_stored)
    monkeypatch.setattr(body_cache, "read_stored", reads)
    problems = []
    for settled_after, count in ((3600 * 10**9, 1), (3600 * 10**9, 2), (-1, 3), (-1, 3), (-1, 3)):
        monkeypatch.setattr(body_cache, "SETTLED_AFTER", settled_after)
        with pytest.raises(ChangedFileError) as failure:
            cache.read(delta)
        assert reads.call_count == count
        problems.append(str(failure.value))
    assert len({*problems}) == 1
    assert path in problems[0]
    Path(path).write_bytes(content)
    assert cache.read(delta) == Path(delta.path).read_bytes()
    assert cache.read(delta) == Path(delta.path).read_bytes()
    assert reads.call_count == 4


def test_of_many_requests_for_a_delta_one_reads_it(
    delta: StoredFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = BodyCache(1 << 20, largest=1 << 18)
    reads = Mock(wraps=read_stored)
    monkeypatch.setattr(body_cache, "read_stored", reads)
    with ThreadPoolExecutor(8) as pool:
        bodies = {*pool.map(cache.read, [delta] * 32)}
    assert delta.dictionary is not None
    bodies.add(cache._read_delta(delta, delta.dictionary))  # as one that waited meanwhile
    assert (len(bodies), reads.call_count) == (1, 1)


@pytest.mark.parametrize("part", ["delta", "dictionary"])
def test_a_delta_without_one_of_its_files_is_an_error_each_time(delta: StoredFile, part: str) -> None:
    assert delta.dictionary is not None
    os.unlink((delta if part == "delta" else delta.dictionary).path)
    cache = BodyCache(1 << 20, largest=1 << 18)
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            cache.read(delta)
