"""Every setting in every view: the same value is used, or the same problem is found, in the view's spelling.

The views are the constructor and its kin in Python, Django's settings, and the command line.
"""

# Django has no types.
# mypy: disable-error-code="misc"
from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest
from django.test import override_settings

import hashserve
import hashserve.builder
import hashserve.check
from hashserve import HashServe, SettingError
from hashserve.builder import BuildSettings, prune
from hashserve.check import CheckSettings
from hashserve.cli import main as command_line
from hashserve.django.build_settings import build_settings
from hashserve.django.settings import KEYS, load, problems
from hashserve.django.settings.table import OwnSettings
from hashserve.settings import Setting, Settings
from hashserve.settings.serve import MountSettings, ServeSettings
from hashserve.visible_text import visible
from tests.settings.cases import BUILD, CHECK, MOUNT, OWN, SERVE, Cases, Right, Wrong
from tests.support.client import request, wrapped_application
from tests.support.django_settings import configure
from tests.support.files import put

configure()

TABLES: Mapping[type[Settings], Mapping[str, Cases]] = {
    ServeSettings: SERVE,
    MountSettings: MOUNT,
    BuildSettings: BUILD,
    CheckSettings: CHECK,
    OwnSettings: OWN,
}

ONLY_IN_PYTHON = {
    (ServeSettings, "spa_fallback"): "Django's URLs answer navigations",
    (ServeSettings, "not_found_page"): "Django has its own: the template 404.html",
    (ServeSettings, "url_base"): "STATIC_URL is the base of every URL",
    (BuildSettings, "prefix"): "Django's own key PREFIX takes any URL",
    (BuildSettings, "ignore"): "collectstatic has its own --ignore",
    (
        BuildSettings,
        "follow_symlinks",
    ): "the finders of collectstatic decide; the key is serving's",
    (BuildSettings, "import_map"): "the template tag writes the map",
    (BuildSettings, "import_map_bare"): "Django's own key IMPORT_MAP_BARE is for the template tag",
    (BuildSettings, "import_map_entries"): "Django's own key IMPORT_MAP_ENTRIES is for the template tag",
    (BuildSettings, "html"): "Django's pages are templates",
    (BuildSettings, "rewrite_unhashed"): "the files under their own names are those that Django collected",
}
"""Settings of serving and of the build that are no key of ``HASHSERVE``, with the reason."""

WITHOUT_OPTION = {
    (BuildSettings, "skip_compress"): "WhiteNoise has it as a setting of Django only",
    (CheckSettings, "threads"): "the default fits every machine that checks",
}
"""Settings of the build and the check that are no option, with the reason."""

ONLY_OPTIONS = {
    "build": {"-h", "--help", "--out", "--json", "--quiet"},
    "check": {
        "-h",
        "--help",
        "--json",
        "--sarif",
        "--strict",
        "--dictionaries",
        "--quiet",
        "--write-baseline",
    },
    "prune": {"-h", "--help", "--dry-run", "--json", "--quiet"},
}
"""Options about one run of a command: its folder, its report, its exit code."""


def shown(value: object) -> str:
    """Write a value the same in every process: the workers of pytest compare the names of tests."""
    return str(getattr(value, "__name__", None) or repr(value))


def rights(settings: type[Settings]) -> list[Any]:
    """Every setting of a table with each of its right values."""
    return [
        pytest.param(settings.table[name], case, id=f"{name}={shown(case.value)}")
        for name, cases in TABLES[settings].items()
        for case in cases.right
    ]


def wrongs(settings: type[Settings]) -> list[Any]:
    """Every setting of a table with each of its wrong values."""
    return [
        pytest.param(settings.table[name], case, id=f"{name}={shown(case.value)}")
        for name, cases in TABLES[settings].items()
        for case in cases.wrong
    ]


# Every setting is here


@pytest.mark.parametrize("settings", TABLES)
def test_every_setting_has_right_and_wrong_values_here(settings: type[Settings]) -> None:
    assert list(TABLES[settings]) == list(settings.table)
    assert all(cases.right and cases.wrong for cases in TABLES[settings].values())


@pytest.mark.parametrize("settings", TABLES)
def test_every_default_is_a_right_value_that_is_read_to_itself(settings: type[Settings]) -> None:
    for name, row in settings.table.items():
        if (settings, name) != (MountSettings, "root"):  # it has none
            assert row.check(row.default) == row.default


@pytest.mark.parametrize("settings", TABLES)
def test_every_help_text_is_one_sentence_or_two(settings: type[Settings]) -> None:
    for row in settings.table.values():
        assert row.help[0].isupper() or row.help.startswith("`")
        assert row.help.endswith(".")


@pytest.mark.parametrize("settings", [ServeSettings, BuildSettings])
def test_every_setting_of_serving_and_the_build_is_a_key_of_django_or_says_why_not(
    settings: type[Settings],
) -> None:
    own = {row.key for row in OwnSettings.table.values()}
    for name, row in settings.table.items():
        assert bool(row.key) is ((settings, name) not in ONLY_IN_PYTHON)
        assert not row.key or KEYS[row.key].setting is row or row.key in own


def test_every_key_of_django_is_a_setting() -> None:
    rows = {row.key for settings in TABLES for row in settings.table.values() if row.key}
    assert set(KEYS) == rows


@pytest.mark.parametrize("settings", [BuildSettings, CheckSettings])
def test_every_setting_of_a_command_is_an_option_or_says_why_not(settings: type[Settings]) -> None:
    for name, row in settings.table.items():
        assert bool(row.option) is ((settings, name) not in WITHOUT_OPTION)


@pytest.mark.parametrize(
    ("command", "names"),
    [
        ("build", BuildSettings.table),
        ("check", CheckSettings.table),
        ("prune", {name: BuildSettings.table[name] for name in ("keep", "keep_days")}),
    ],
)
def test_every_option_of_a_command_is_a_setting_or_about_one_run(
    command: str, names: Mapping[str, Setting]
) -> None:
    parser = commands()[command]
    options = {row.option for row in names.values() if row.option}
    assert set(parser._option_string_actions) == options | ONLY_OPTIONS[command]


def test_every_type_of_keyword_arguments_has_the_names_and_types_of_its_table() -> None:
    for module, arguments, settings in (
        ("serve", "ServeArguments", ServeSettings),
        ("build", "BuildArguments", BuildSettings),
    ):
        text = (Path(hashserve.__file__).parent / f"settings/{module}.py").read_text("utf-8")
        _, _, body = text.partition(f"class {arguments}(TypedDict, total=False):")
        lines = [
            line.strip().replace('"', "'") for line in body.splitlines() if ": " in line and '"""' not in line
        ]
        assert lines == [f"{name}: {settings.__annotations__[name]}" for name in settings.table]


def commands() -> Mapping[str, argparse.ArgumentParser]:
    """The parser of each command."""
    actions = command_line._parser()._subparsers
    assert actions is not None
    return next(action.choices for action in actions._group_actions if isinstance(action.choices, dict))


# In Python


@pytest.mark.parametrize(("row", "case"), rights(ServeSettings))
def test_the_constructor_uses_a_right_value(row: Setting, case: Right) -> None:
    application = HashServe(wrapped_application, **{row.name: case.value})
    assert getattr(application._service.site.settings, row.name) == case.used


@pytest.mark.parametrize(("row", "case"), [*wrongs(ServeSettings), *wrongs(MountSettings)])
def test_the_constructor_names_a_wrong_value_as_its_argument(row: Setting, case: Wrong) -> None:
    arguments = {"root": "/srv/nowhere", row.name: case.value}
    with pytest.raises(SettingError) as raised:
        HashServe(wrapped_application, **arguments)
    assert str(raised.value) == f"{row.name}={case.value!r}: {case.problem}"


@pytest.mark.parametrize(("row", "case"), rights(MountSettings))
def test_the_constructor_takes_a_right_folder(row: Setting, case: Right) -> None:
    HashServe(wrapped_application, **{"root": "/srv/nowhere", row.name: case.value})
    assert row.check(case.value) == case.used


@pytest.mark.parametrize(
    ("settings", "row", "case"),
    [
        pytest.param(settings, *param.values, id=f"{settings.__name__}.{param.id}")
        for settings in (BuildSettings, CheckSettings)
        for param in rights(settings)
    ],
)
def test_a_type_of_settings_uses_a_right_value(settings: type[Settings], row: Setting, case: Right) -> None:
    others = {"import_map": "map.json"} if row.name.startswith("import_map_") else {}
    assert getattr(settings.of({row.name: case.value, **others}), row.name) == case.used


@pytest.mark.parametrize(
    ("settings", "row", "case"),
    [
        pytest.param(settings, *param.values, id=f"{settings.__name__}.{param.id}")
        for settings in (BuildSettings, CheckSettings)
        for param in wrongs(settings)
    ],
)
def test_a_type_of_settings_names_a_wrong_value_as_its_argument(
    settings: type[Settings], row: Setting, case: Wrong
) -> None:
    with pytest.raises(SettingError) as raised:
        settings.of({row.name: case.value})
    assert str(raised.value) == f"{row.name}={case.value!r}: {case.problem}"


@pytest.mark.parametrize(("row", "case"), wrongs(BuildSettings))
def test_the_function_build_names_a_wrong_value_as_its_argument(
    row: Setting, case: Wrong, tmp_path: Path
) -> None:
    with pytest.raises(SettingError) as raised:
        hashserve.build(tmp_path, tmp_path / "out", **{row.name: case.value})
    assert str(raised.value) == f"{row.name}={case.value!r}: {case.problem}"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["keep", "keep_days"])
def test_the_function_prune_names_a_wrong_value_as_its_argument(name: str, tmp_path: Path) -> None:
    for case in BUILD[name].wrong:
        with pytest.raises(SettingError) as raised:
            prune(tmp_path, **{name: case.value})
        assert str(raised.value) == f"{name}={case.value!r}: {case.problem}"


def test_keyword_settings_of_a_build_change_those_of_the_object(tmp_path: Path) -> None:
    put(str(tmp_path / "source"), "a.txt", b"a")
    settings = BuildSettings(prefix="/a/", digest_length=20)
    hashserve.build(tmp_path / "source", tmp_path / "out", settings, prefix="/b/")
    manifest = hashserve.Manifest.load(str(tmp_path / "out/staticfiles.json"))
    assert manifest.prefix == "/b/"
    assert len(manifest.paths["a.txt"].split(".")[1]) == 20


def test_an_unknown_setting_of_a_build_is_a_type_error_with_the_closest_name(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="there is no setting 'keep_day'; did you mean 'keep_days'"):
        hashserve.build(tmp_path, tmp_path / "out", keep_day=3)  # type: ignore[call-arg]


# In Django


def by_key(settings: type[Settings], cases: list[Any]) -> list[Any]:
    """The cases of those settings that are keys of Django; None is no value of a key of the build."""
    own = {row.key for row in OwnSettings.table.values()} if settings is not OwnSettings else set()
    return [
        param
        for param in cases
        if param.values[0].key
        and param.values[0].key not in own
        and not (settings in (BuildSettings, CheckSettings) and param.values[1].value is None)
    ]


DJANGO_TABLES = (ServeSettings, BuildSettings, CheckSettings, OwnSettings)


def used_by_django(row: Setting) -> Any:
    """Return the value of a setting that serving, the build or Django's own part use."""
    key = KEYS[row.key]
    if key.part == "check":
        return getattr(CheckSettings.of(load().check), row.name)
    if key.part == "build":
        return getattr(build_settings(), row.name)
    return getattr(load().own if key.part == "own" else load().serve, row.name)


def problem_in_django(**settings: Any) -> str:
    """Return what is wrong with a project's settings."""
    with override_settings(**settings):
        found = problems()
        if found:
            return str(found[0])
        with pytest.raises(SettingError) as raised:
            build_settings()
        return str(raised.value)


@pytest.mark.parametrize(
    ("row", "case"), [param for settings in DJANGO_TABLES for param in by_key(settings, rights(settings))]
)
def test_django_uses_a_right_value_of_a_key_and_of_whitenoises_setting(row: Setting, case: Right) -> None:
    with override_settings(HASHSERVE={row.key: case.value}):
        assert used_by_django(row) == case.used
    white_noise = KEYS[row.key].white_noise
    if white_noise is not None:
        with override_settings(HASHSERVE={}, **{white_noise: case.value}):
            assert used_by_django(row) == case.used


@pytest.mark.parametrize(
    ("row", "case"), [param for settings in DJANGO_TABLES for param in by_key(settings, wrongs(settings))]
)
def test_django_names_a_wrong_value_as_the_project_wrote_it(row: Setting, case: Wrong) -> None:
    said = problem_in_django(HASHSERVE={row.key: case.value})
    assert said == f'HASHSERVE["{row.key}"]={case.value!r}: {case.problem}'
    white_noise = KEYS[row.key].white_noise
    if white_noise is not None:
        said = problem_in_django(HASHSERVE={}, **{white_noise: case.value})
        assert said == f"{white_noise}={case.value!r}: {case.problem}"


@pytest.mark.parametrize("key", [row.key for row in BuildSettings.table.values() if row.key])
def test_none_leaves_a_key_of_the_build_at_its_default(key: str) -> None:
    with override_settings(HASHSERVE={key: None}):
        assert build_settings() == BuildSettings(wait=600.0)


def test_a_setting_that_needs_another_names_it_as_the_view_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SettingError) as raised:
        BuildSettings(require_previous=True)
    assert str(raised.value) == "require_previous=True: needs previous too"
    said = problem_in_django(HASHSERVE={"REQUIRE_PREVIOUS": True})
    assert said == 'HASHSERVE["REQUIRE_PREVIOUS"]=True: needs HASHSERVE["PREVIOUS"] too'
    assert command_line.main(["build", "a", "--out", "b", "--require-previous"]) == 2
    assert capsys.readouterr().err == "hashserve: --require-previous: needs --previous too\n"


# On the command line


class StoppedError(Exception):
    """Raised in the place of a command's work, with what the command passed to it."""


class CommandLine:
    """The command line, without the work that it would start."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        def stop(*arguments: object, **keywords: object) -> NoReturn:
            raise StoppedError(*arguments, keywords)

        for module, name in (
            (hashserve.builder, "build"),
            (hashserve.builder, "prune"),
            (hashserve.check, "check"),
        ):
            monkeypatch.setattr(module, name, stop)
        self._capsys = capsys

    def passed(self, *words: str) -> tuple[Any, ...]:
        """Return what the command passes on: its arguments, and a dictionary of its keywords."""
        with pytest.raises(StoppedError) as stopped:
            command_line.main(words)
        return stopped.value.args

    def refused(self, *words: str) -> str:
        """Return what the command says of wrong arguments."""
        assert command_line.main(words) == 2
        return self._capsys.readouterr().err


@pytest.fixture
def commands_only(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    return CommandLine(monkeypatch, capsys)


def with_words(cases: list[Any]) -> list[Any]:
    """The cases that the command line can express."""
    return [param for param in cases if param.values[1][2] is not None]


@pytest.mark.parametrize(("row", "case"), with_words(rights(BuildSettings)))
def test_the_command_build_uses_a_right_value(row: Setting, case: Right, commands_only: CommandLine) -> None:
    words = [*(case.words or ()), "--import-map=map.json"]
    _, _, settings, _ = commands_only.passed("build", "source", "--out", "out", *words)
    assert settings == BuildSettings.of({"import_map": "map.json", row.name: case.used})


@pytest.mark.parametrize(("row", "case"), with_words(wrongs(BuildSettings)))
def test_the_command_build_names_a_wrong_value_as_its_option(
    row: Setting, case: Wrong, commands_only: CommandLine
) -> None:
    said = commands_only.refused("build", "source", "--out", "out", f"{row.option}={case.text}")
    assert said == visible(f"hashserve: {row.option}={shlex.quote(case.text or '')}: {case.problem}") + "\n"


def test_patterns_of_the_option_ignore_are_added_to_the_default(commands_only: CommandLine) -> None:
    _, _, settings, _ = commands_only.passed("build", "a", "--out", "b", "--ignore", "*.bak")
    assert settings == BuildSettings(ignore=("CVS", ".*", "*~", "*.bak"))


@pytest.mark.parametrize(("row", "case"), with_words(rights(CheckSettings)))
def test_the_command_check_uses_a_right_value(row: Setting, case: Right, commands_only: CommandLine) -> None:
    _, settings, _ = commands_only.passed("check", "out", *case.words or ())
    assert settings == CheckSettings.of({row.name: case.used})


@pytest.mark.parametrize(("row", "case"), with_words(wrongs(CheckSettings)))
def test_the_command_check_names_a_wrong_value_as_its_option(
    row: Setting, case: Wrong, commands_only: CommandLine
) -> None:
    said = commands_only.refused("check", "out", f"{row.option}={case.text}")
    assert said == visible(f"hashserve: {row.option}={shlex.quote(case.text or '')}: {case.problem}") + "\n"


@pytest.mark.parametrize("name", ["keep", "keep_days"])
def test_the_command_prune_has_the_options_of_the_build(name: str, commands_only: CommandLine) -> None:
    row = BuildSettings.table[name]
    for right in BUILD[name].right:
        *_, keywords = commands_only.passed("prune", "out", *right.words or ())
        assert keywords == {name: right.used, "dry_run": False}
    for wrong in BUILD[name].wrong:
        if wrong.text is not None:
            said = commands_only.refused("prune", "out", f"{row.option}={wrong.text}")
            assert said == f"hashserve: {row.option}={wrong.text}: {wrong.problem}\n"


@pytest.mark.parametrize("command", ["build", "check"])
def test_without_an_option_a_command_uses_the_defaults(command: str, commands_only: CommandLine) -> None:
    if command == "build":
        assert commands_only.passed("build", "a", "--out", "b")[2] == BuildSettings()
    else:
        assert commands_only.passed("check", "a")[1] == CheckSettings()


@pytest.mark.parametrize(("command", "settings"), [("build", BuildSettings), ("check", CheckSettings)])
def test_the_help_of_a_command_is_that_of_the_table(
    command: str, settings: type[Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "500")
    shown = " ".join(commands()[command].format_help().split())
    for row in settings.table.values():
        assert not row.option or row.help in shown


# Values that were once accepted


def test_a_text_for_a_flag_serves_no_link_that_leads_out_of_the_root(tmp_path: Path) -> None:
    put(str(tmp_path), "secret.txt", b"secret")
    put(str(tmp_path), "root/a.txt", b"a")
    os.symlink(tmp_path / "secret.txt", tmp_path / "root/link.txt")
    given: dict[str, Any] = {"follow_symlinks": "no"}
    with pytest.raises(SettingError, match="follow_symlinks='no': must be True or False"):
        HashServe(wrapped_application, tmp_path / "root", "/static/", **given)
    application = HashServe(wrapped_application, tmp_path / "root", "/static/", follow_symlinks=False)
    assert request(application, "/static/a.txt").body == b"a"
    assert b"secret" not in request(application, "/static/link.txt").body


def test_an_index_file_that_is_no_name_is_an_error_before_any_request(tmp_path: Path) -> None:
    given: dict[str, Any] = {"index_file": 3}
    with pytest.raises(SettingError, match="index_file=3: must be True"):
        HashServe(wrapped_application, tmp_path, "/static/", **given)


def test_a_media_type_that_is_none_is_never_sent(tmp_path: Path) -> None:
    put(str(tmp_path), "a.foo", b"a")
    with pytest.raises(SettingError, match="must map extensions to media types"):
        HashServe(wrapped_application, tmp_path, "/static/", mimetypes={".foo": "nonsense"})
