"""The measure of growth can fail: it distinguishes linear from quadratic work."""

from __future__ import annotations

import pytest

from tests.support.growth import assert_linear


def test_linear_work_passes() -> None:
    assert_linear(lambda size: sum(range(size)), size=1000)


def test_quadratic_work_fails() -> None:
    with pytest.raises(AssertionError, match="16 times the size took"):
        assert_linear(lambda size: sum(range(size * size)), size=50)
