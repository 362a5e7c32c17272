"""What every table of settings does, whatever it holds."""

from __future__ import annotations

import copy
import inspect
import pickle
import pydoc
from typing import Any

import pytest

from hashserve import HashServe, SettingError
from hashserve.settings import Settings
from hashserve.settings.build import BuildSettings
from hashserve.settings.serve import MountSettings, ServeSettings
from tests.support.client import wrapped_application


def test_settings_are_frozen_and_compared_by_value() -> None:
    settings = ServeSettings(max_age=5)
    assert settings == ServeSettings(max_age=5) != ServeSettings()
    with pytest.raises(AttributeError, match=r"replace\(max_age=\.\.\.\)"):
        settings.max_age = 6  # type: ignore[misc]
    assert settings.replace(nosniff=False) == ServeSettings(max_age=5, nosniff=False)


def test_settings_of_another_part_are_never_equal() -> None:
    class Others(Settings):
        """A part without settings."""

    assert ServeSettings() != Others()


def test_settings_show_what_differs_from_the_default() -> None:
    assert repr(ServeSettings(max_age=5, charset="utf-8")) == "ServeSettings(max_age=5)"


def test_settings_survive_a_copy_and_another_process() -> None:
    settings = ServeSettings(max_age=5)
    assert pickle.loads(pickle.dumps(settings)) == copy.copy(settings) == settings


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("memosize", "did you mean 'memo_size'?"), ("zzz", "the settings are add_headers_function, ")],
)
def test_an_unknown_setting_is_a_type_error_with_the_closest_name(name: str, remedy: str) -> None:
    given: dict[str, Any] = {name: 1}
    with pytest.raises(TypeError) as raised:
        HashServe(wrapped_application, **given)
    assert str(raised.value).startswith(f"there is no setting {name!r}; {remedy}")


def test_a_wrong_value_is_an_error_that_holds_the_setting_the_value_and_the_problem() -> None:
    given: dict[str, Any] = {"memo_size": "many"}
    with pytest.raises(SettingError, match="memo_size='many': must be a whole number, 0 or more") as raised:
        HashServe(wrapped_application, **given)
    error = raised.value
    assert (error.name, error.value) == ("memo_size", "many")


def test_the_signature_of_the_constructor_names_every_setting_with_its_default_and_type() -> None:
    parameters = inspect.signature(HashServe).parameters
    assert list(parameters)[:4] == ["application", "root", "prefix", "manifest"]
    assert list(parameters)[4:] == list(ServeSettings.table)
    for name, row in ServeSettings.table.items():
        assert parameters[name].default == row.default
        assert parameters[name].annotation == ServeSettings.__annotations__[name]


def test_a_subclass_with_a_constructor_of_its_own_has_its_own_signature() -> None:
    class Other(HashServe):
        def __init__(self, place: str) -> None:
            super().__init__(wrapped_application, place)

    assert list(inspect.signature(Other).parameters) == ["place"]
    assert list(inspect.signature(HashServe(wrapped_application)).parameters) == ["environ", "start_response"]


def test_help_shows_every_setting_with_its_default_and_its_help() -> None:
    shown = pydoc.plain(pydoc.render_doc(HashServe))
    for name, row in {**MountSettings.table, **ServeSettings.table}.items():
        assert f"* {name}={row.default!r}: {row.help}" in shown


@pytest.mark.parametrize("name", ["skip_compress", "leave_references"])
def test_a_text_that_is_too_long_for_a_manifest_is_an_error(name: str) -> None:
    right: dict[str, Any] = {name: ["a" * 1024]}
    wrong: dict[str, Any] = {name: ["a" * 1025]}
    assert BuildSettings(**right) != BuildSettings()
    with pytest.raises(SettingError, match="must have at most 1,024 characters in each item"):
        BuildSettings(**wrong)
