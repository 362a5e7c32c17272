"""Bodies in memory: each is proven, and together they stay within the budget."""

from __future__ import annotations

import os
from typing import Any

import pytest

from hashserve.digests import digest_of
from hashserve.http.messages import StoredFile
from hashserve.serve.body_cache import BodyCache
from hashserve.serve.files import ChangedFileError
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
