from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashserve.serve.bounded_cache import BoundedCache
from tests.support.hypothesis_profile import QUICK


class ByLength(BoundedCache[str, str]):
    """A cache in which an entry weighs one for each character of its value."""

    def put(self, key: str, value: str, weight: int | None = None) -> bool:
        return super().put(key, value, len(value))


def of_length(limit: int, on_drop: Callable[[], None] = lambda: None) -> ByLength:
    return ByLength(limit, on_drop)


def test_what_was_put_is_found() -> None:
    cache = of_length(10)
    assert cache.get("a") is None
    assert cache.put("a", "1")
    assert cache.get("a") == "1"
    assert len(cache) == 1


def test_what_is_put_again_takes_the_place_of_the_first() -> None:
    cache = of_length(10)
    for value in ("1", "22", "333", "1"):
        cache.put("a", value)
        assert cache.get("a") == value
        assert len(cache) == 1
    assert cache.put("b", "4444")
    assert len(cache) == 2, "the weight of what was replaced counts no more"


def test_what_is_half_the_limit_is_kept_and_what_is_heavier_is_not() -> None:
    cache = of_length(10)
    assert cache.put("a", "x" * 5)
    assert not cache.put("b", "x" * 6)
    assert cache.get("b") is None
    assert cache.get("a") == "x" * 5


@pytest.mark.parametrize("fillers", [0, 1])
def test_a_value_that_is_too_heavy_does_not_leave_the_old_one(fillers: int) -> None:
    cache = of_length(10)
    cache.put("a", "1")
    for number in range(fillers):
        cache.put(f"filler{number}", "x" * 5)
    assert not cache.put("a", "x" * 6)
    assert cache.get("a") is None
    assert len(cache) == fillers


@pytest.mark.parametrize("limit", [0, 1])
def test_a_cache_without_room_keeps_nothing(limit: int) -> None:
    cache = of_length(limit)
    assert not cache.put("a", "1")
    assert len(cache) == 0


def test_what_is_asked_for_stays_and_what_is_not_is_dropped() -> None:
    cache = of_length(8)
    cache.put("used", "1")
    cache.put("unused", "1")
    for number in range(100):
        cache.put(str(number), "1")
        assert cache.get("used") == "1"
    assert cache.get("unused") is None


def test_a_hit_among_the_young_writes_nothing() -> None:
    written: list[str] = []

    class Watched(BoundedCache[str, str]):
        def put(self, key: str, value: str, weight: int = 1) -> bool:
            written.append(key)
            return super().put(key, value, weight)

    cache = Watched(10)
    cache.put("a", "1")
    cache.get("a")
    assert written == ["a"]


def test_the_callback_is_called_for_each_generation_that_was_dropped() -> None:
    drops: list[int] = []
    cache = of_length(4, lambda: drops.append(len(cache)))
    for number in range(6):
        cache.put(str(number), "1")
    assert drops == [3, 3]  # called after the drop, and outside the lock
    assert not cache.put("big", "xxx")
    assert len(drops) == 2


def test_what_was_cleared_is_gone_and_weighs_nothing() -> None:
    cache = of_length(4)
    for number in range(4):
        cache.put(str(number), "1")
    cache.clear()
    assert len(cache) == 0
    assert cache.get("3") is None
    assert cache.has_room(2)


def test_a_cache_that_was_cleared_has_all_its_room() -> None:
    drops: list[None] = []
    cache = of_length(10, lambda: drops.append(None))
    cache.put("a", "xxx")
    cache.clear()
    cache.put("b", "xxxxx")
    assert drops == []


def test_one_entry_is_dropped_and_the_others_stay() -> None:
    cache = of_length(10)
    for key in "ab":
        cache.put(key, "xx")
    cache.drop("a")
    cache.drop("none")
    assert (cache.get("a"), cache.get("b")) == (None, "xx")


def test_young_and_old_entries_are_counted_with_their_weight() -> None:
    cache = of_length(10)
    for key, value in (("a", "xxxx"), ("b", "xx"), ("c", "x")):
        cache.put(key, value)
    assert cache.total() == (3, 7)


@pytest.mark.parametrize(
    ("values", "weight", "has_room"),
    [
        ([], 5, True),
        ([], 6, False),
        (["xxx"], 2, True),
        (["xxx"], 3, True),  # the young become the old, and there were no old
        (["xxx", "xxx"], 2, True),
        (["xxx", "xxx"], 3, False),  # the old would be dropped
        (["xxx", "xxx"], 6, False),
    ],
)
def test_there_is_room_while_nothing_is_dropped(values: list[str], weight: int, has_room: bool) -> None:
    cache = of_length(10)
    for number, value in enumerate(values):
        cache.put(str(number), value)
    before = len(cache)
    assert cache.has_room(weight) is has_room
    cache.put("new", "x" * weight)
    assert (len(cache) == before + 1) is has_room


@QUICK
@given(
    limit=st.integers(0, 30),
    steps=st.lists(st.tuples(st.sampled_from("abcdefg"), st.integers(-1, 12)), max_size=60),
)
def test_whatever_is_put_the_weight_is_bounded_and_what_is_found_is_the_last(
    limit: int, steps: list[tuple[str, int]]
) -> None:
    cache = of_length(limit)
    last: dict[str, str | None] = {}
    for key, length in steps:
        if length < 0:
            assert cache.get(key) in (None, last.get(key))
        else:
            value = "x" * length
            last[key] = value if cache.put(key, value) else None
            assert cache.get(key) == last[key]
        kept = {key: value for key, (value, _) in {**cache._old, **cache._young}.items()}
        assert len(kept) == len(cache), "no key is in both generations"
        assert sum(map(len, kept.values())) <= limit
        assert sum(len(value) for value, _ in cache._young.values()) == cache._weight <= limit // 2
        assert all(last[key] == value for key, value in kept.items())


def test_threads_never_exceed_the_limit_or_find_what_was_not_put() -> None:
    cache: BoundedCache[int, int] = BoundedCache(64)
    failures = []
    start = threading.Barrier(4)

    def work(seed: int) -> None:
        start.wait()
        for step in range(5000):
            key = (step * seed) % 97
            if cache.get(key) not in (None, key):
                failures.append(key)
            cache.put(key, key)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (3, 5, 7, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(cache) <= 64
    assert cache._weight == len(cache._young)
