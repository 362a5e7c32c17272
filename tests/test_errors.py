from __future__ import annotations

import ast
import copy
import importlib
import pickle
import re
from pathlib import Path

import pytest

import hashserve
import hashserve.errors
from hashserve.errors import (
    BuildError,
    HashserveError,
    ManifestError,
    PublishError,
    SettingError,
    SourceError,
    TruncatedFileError,
    UnknownAssetError,
)

ERRORS = [
    # error, its text, its data, its other base
    (
        SettingError("max_age", -1, "must not be negative"),
        "max_age=-1: must not be negative",
        {"name": "max_age", "value": -1, "problem": "must not be negative"},
        ValueError,
    ),
    (
        ManifestError("static/staticfiles.json", 'paths["a"]', "expected a string"),
        'static/staticfiles.json: paths["a"]: expected a string',
        {"path": "static/staticfiles.json", "location": 'paths["a"]', "problem": "expected a string"},
        ValueError,
    ),
    (
        ManifestError("static/staticfiles.json", "", "is nested too deeply"),
        "static/staticfiles.json: is nested too deeply",
        {"location": ""},
        ValueError,
    ),
    (
        UnknownAssetError("css/app.css", ("/srv/a/", "/srv/b/")),
        "css/app.css: not found in /srv/a/, /srv/b/; check the path, or build again",
        {"logical_path": "css/app.css", "places": ("/srv/a/", "/srv/b/")},
        LookupError,
    ),
    (
        UnknownAssetError("css/app.css", ()),
        "css/app.css: no folder of static files was added; add one with add_files()",
        {"places": ()},
        LookupError,
    ),
    (
        BuildError("out", "is not empty", "choose another folder"),
        "out: is not empty; choose another folder",
        {"path": "out", "problem": "is not empty", "remedy": "choose another folder"},
        HashserveError,
    ),
    (BuildError("out", "is not empty"), "out: is not empty", {"remedy": ""}, HashserveError),
    (SourceError("a.css", "is gone"), "a.css: is gone", {"path": "a.css"}, BuildError),
    (
        PublishError("CACHES['default']", "cannot be written", "publish again"),
        "CACHES['default']: cannot be written; publish again",
        {"path": "CACHES['default']", "problem": "cannot be written", "remedy": "publish again"},
        BuildError,
    ),
    (
        TruncatedFileError("a.css", 5),
        (
            "a.css: the file ended 5 bytes early while it was sent; "
            "replace files with a rename, and do not write into them"
        ),
        {"path": "a.css", "missing": 5},
        OSError,
    ),
]
every_error = pytest.mark.parametrize(
    ("error", "text", "members", "kind"), ERRORS, ids=lambda value: type(value).__name__
)


@every_error
def test_an_error_holds_its_data_and_builds_its_text(
    error: HashserveError, text: str, members: dict[str, object], kind: type[Exception]
) -> None:
    assert str(error) == text
    assert {name: getattr(error, name) for name in members} == members
    assert isinstance(error, HashserveError)
    assert isinstance(error, kind)


NAMES = {"keep": "--keep", "cache": 'HASHSERVE["BUILD_CACHE"]'}


def test_wrong_and_mentioned_settings_have_the_spelling_of_the_view() -> None:
    error = SettingError("keep", 0, "needs {setting:cache} and {setting:previous}")
    assert str(error) == "keep=0: needs cache and previous"
    assert str(error.spelt(NAMES)) == '--keep=0: needs HASHSERVE["BUILD_CACHE"] and previous'


@pytest.mark.parametrize("kind", [BuildError, SourceError, PublishError])
def test_a_setting_in_a_remedy_has_the_spelling_of_the_view(kind: type[BuildError]) -> None:
    error = kind("{setting:keep}.css", "is a file", "choose another {setting:cache}")
    assert str(error) == "{setting:keep}.css: is a file; choose another cache"
    spelt = error.spelt(NAMES)
    assert type(spelt) is kind
    assert str(spelt) == '{setting:keep}.css: is a file; choose another HASHSERVE["BUILD_CACHE"]'


def test_an_error_without_settings_is_the_same_in_every_view() -> None:
    error = ManifestError("staticfiles.json", "", "is empty")
    assert error.spelt(NAMES) is error


@every_error
def test_an_error_can_be_pickled_and_copied(
    error: HashserveError, text: str, members: dict[str, object], kind: type[Exception]
) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is type(error)
        assert str(twin) == text
        assert {name: getattr(twin, name) for name in members} == members


def test_every_error_of_the_module_is_in_the_table() -> None:
    tested = {type(error).__name__ for error, *_ in ERRORS} | {"HashserveError"}
    names = {name for name in hashserve.errors.__all__ if isinstance(getattr(hashserve.errors, name), type)}
    assert tested == names
    assert tested <= set(hashserve.__all__)


PACKAGE = Path(hashserve.__file__).parent


def exceptions_named_in(path: Path) -> list[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        # Our own BaseException is an interruption (SIGTERM), not an error.
        and any(re.search(r"Error$|(?<!Base)Exception$", ast.unparse(base)) for base in node.bases)
    ]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (path.relative_to(PACKAGE).as_posix(), name)
        for path in sorted(PACKAGE.rglob("*.py"))
        for name in exceptions_named_in(path)
    ],
)
def test_every_error_of_the_package_has_the_same_base(path: str, name: str) -> None:
    module = importlib.import_module(f"hashserve.{path.removesuffix('.py').replace('/', '.')}")
    assert issubclass(getattr(module, name), HashserveError)
