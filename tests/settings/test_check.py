"""Settings of the check that are refused."""

from __future__ import annotations

from typing import Any

import pytest

from hashserve import SettingError
from hashserve.check import CheckSettings


@pytest.mark.parametrize(
    "settings",
    [
        {"max_sizes": {"scripts": 1}},
        {"max_sizes": {"script": -1}},
        {"prefix": "static"},
        {"js_references": "none"},
        {"threads": 0},
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: Any) -> None:
    with pytest.raises(SettingError):
        CheckSettings(**settings)
