"""The measure of growth can fail: it distinguishes linear from quadratic work."""

from __future__ import annotations

import pytest

from tests.support.growth import assert_linear, assert_linear_where_slow


def test_linear_work_passes() -> None:
    assert_linear(lambda size: sum(range(size)), size=1000)


def test_quadratic_work_fails() -> None:
    with pytest.raises(AssertionError, match="16 times the size took"):
        assert_linear(lambda size: sum(range(size * size)), size=50)


def test_of_many_kinds_of_work_the_quadratic_one_is_named() -> None:
    assert_linear_where_slow(lambda size: sum(range(size)), size=100_000, name="linear")
    assert_linear_where_slow(lambda size: None, size=100_000, name="none")
    with pytest.raises(pytest.fail.Exception, match="'squares': four times the size"):
        assert_linear_where_slow(lambda size: sum(range(size * size)), size=300, name="squares")
