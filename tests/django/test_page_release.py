from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Iterator
from itertools import count

import pytest

from hashserve.django.page_release import one_release, pinned


@pytest.fixture
def numbers() -> Iterator[int]:
    return count(1)


def test_a_look_up_outside_a_page_returns_the_current_value(numbers: Iterator[int]) -> None:
    assert [pinned("me", lambda: next(numbers)) for _ in range(2)] == [1, 2]


def test_each_look_up_on_a_page_returns_the_value_of_the_first(numbers: Iterator[int]) -> None:
    with one_release():
        assert [pinned("me", lambda: next(numbers)) for _ in range(3)] == [1, 1, 1]
    with one_release():
        assert pinned("me", lambda: next(numbers)) == 2
    assert pinned("me", lambda: next(numbers)) == 3


def test_each_owner_has_its_own_value(numbers: Iterator[int]) -> None:
    with one_release():
        assert [pinned(owner, lambda: next(numbers)) for owner in "abab"] == [1, 2, 1, 2]


def test_a_nested_page_is_part_of_the_outer_one(numbers: Iterator[int]) -> None:
    with one_release():
        with one_release():
            assert pinned("me", lambda: next(numbers)) == 1
        assert pinned("me", lambda: next(numbers)) == 1


def test_a_page_that_fails_has_ended_too(numbers: Iterator[int]) -> None:
    with pytest.raises(ZeroDivisionError), one_release():
        assert 1 / (pinned("me", lambda: next(numbers)) - 1)
    assert pinned("me", lambda: next(numbers)) == 2


def test_coroutines_that_take_turns_have_pages_of_their_own(numbers: Iterator[int]) -> None:
    async def render() -> list[int]:
        with one_release():
            seen = []
            for _ in range(3):
                seen.append(pinned("me", lambda: next(numbers)))
                await asyncio.sleep(0)
            return seen

    async def render_two() -> list[list[int]]:
        return list(await asyncio.gather(render(), render()))

    assert asyncio.run(render_two()) == [[1, 1, 1], [2, 2, 2]]


def test_a_context_that_outlives_a_page_does_not_keep_its_release(numbers: Iterator[int]) -> None:
    with one_release():
        assert pinned("me", lambda: next(numbers)) == 1
        context = contextvars.copy_context()
    assert context.run(pinned, "me", lambda: next(numbers)) == 2
    with one_release():
        assert pinned("me", lambda: next(numbers)) == 3
