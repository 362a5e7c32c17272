"""Subclasses and attributes as WhiteNoise has them: they work, or an error says what to do instead."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hashserve import HashServe
from hashserve.whitenoise_names import FOR_MIDDLEWARE, FOR_STORAGE, FOR_WRAPPER
from tests.support.client import request, wrapped_application
from tests.support.django_client import django_application, project
from tests.support.files import put

IMMUTABLE = "public, max-age=31536000, immutable"
READ = {
    "add_headers_function": print,
    "allow_all_origins": False,
    "autorefresh": True,
    "charset": "ascii",
    "index_file": "default.htm",
    "max_age": 5,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    put(tmp_path, "vendor/lib.js", b"lib")
    put(tmp_path, "app.js", b"app")
    return tmp_path


@contextmanager
def django_classes() -> Iterator[tuple[type, type]]:
    """The middleware and the storage, in a project."""
    with project():
        from hashserve.django.middleware import HashServeMiddleware
        from hashserve.django.storage import ManifestStaticFilesStorage

        yield HashServeMiddleware, ManifestStaticFilesStorage


def lifetimes(application: Callable[..., Any]) -> list[str]:
    paths = ("/static/vendor/lib.js", "/static/app.js")
    return [request(application, path)["Cache-Control"] for path in paths]


# What works


def test_a_subclass_decides_which_files_are_immutable(root: Path) -> None:
    class Site(HashServe):
        def immutable_file_test(self, path: str, url: str) -> bool:
            return url.startswith("/static/vendor/") and path.endswith("lib.js")

    assert lifetimes(Site(wrapped_application, root, "/static/")) == [IMMUTABLE, "public, max-age=60"]


def test_an_override_may_ask_the_setting(root: Path) -> None:
    class Site(HashServe):
        def immutable_file_test(self, path: str, url: str) -> bool:
            return super().immutable_file_test(path, url) or url.endswith("app.js")

    assert lifetimes(Site(wrapped_application, root, "/static/")) == ["public, max-age=60", IMMUTABLE]


def test_the_argument_comes_before_the_override_as_in_whitenoise(root: Path) -> None:
    class Site(HashServe):
        def immutable_file_test(self, path: str, url: str) -> bool:
            raise AssertionError

    site = Site(wrapped_application, root, "/static/", immutable_file_test="/vendor/")
    assert lifetimes(site) == [IMMUTABLE, "public, max-age=60"]


@pytest.mark.parametrize("test", [r"\.test$", lambda path, url: url.endswith(".test")])
def test_the_setting_can_be_asked(test: Any) -> None:
    application = HashServe(wrapped_application, immutable_file_test=test)
    assert application.immutable_file_test("", "/my.test") is True
    assert application.immutable_file_test("", "/test.txt") is False
    assert HashServe(wrapped_application).immutable_file_test("", "/my.test") is False


@pytest.mark.parametrize("gateway", ["wsgi", "asgi"])
def test_a_subclass_of_the_middleware_adds_folders_and_immutable_files(root: Path, gateway: str) -> None:
    put(root, "extra/notes/a.txt", b"a note")
    application = django_application(
        gateway,
        STATIC_ROOT=str(root),
        HASHSERVE={"ROOT": str(root / "vendor")},
        MIDDLEWARE=[f"{__name__}.middleware_of_the_project", "tests.support.django_client.application"],
        EXTRA=str(root / "extra"),
    )
    assert lifetimes(application) == [IMMUTABLE, "public, max-age=60"]
    assert request(application, "/extra/notes/a.txt").body == b"a note"
    assert request(application, "/lib.js").body == b"lib"


def middleware_of_the_project(get_response: Any) -> Any:
    """Make the middleware of a project that has subclassed it."""
    from django.conf import settings

    from hashserve.django.middleware import HashServeMiddleware

    class Ours(HashServeMiddleware):
        def __init__(self, get_response: Any) -> None:
            super().__init__(get_response)
            self.add_files(settings.EXTRA, prefix="/extra/")

        def immutable_file_test(self, path: str, url: str) -> bool:
            return url.startswith(f"{self.static_prefix}vendor/")

    return Ours(get_response)


middleware_of_the_project.async_capable = True  # type: ignore[attr-defined]  # as Django asks for it


@pytest.mark.parametrize("name", READ)
def test_a_setting_can_be_read(name: str) -> None:
    arguments: dict[str, Any] = {name: READ[name]}
    assert getattr(HashServe(wrapped_application, **arguments), name) == READ[name]
    with project(HASHSERVE={name.upper(): READ[name]}), django_classes() as (middleware, _):
        pass
    with project(HASHSERVE={name.upper(): READ[name]}):
        assert getattr(middleware(lambda request: None), name) == READ[name]


def test_the_index_file_has_its_name() -> None:
    assert HashServe(wrapped_application, index_file=True).index_file == "index.html"
    assert HashServe(wrapped_application, index_file=False).index_file is None


def test_the_middleware_has_its_folder_and_prefix(tmp_path: Path) -> None:
    with project(STATIC_ROOT=str(tmp_path), STATIC_URL="/s/"), django_classes() as (middleware, _):
        pass
    with project(STATIC_ROOT=str(tmp_path), STATIC_URL="/s/", HASHSERVE={"USE_FINDERS": True}):
        made = middleware(lambda request: None)
        assert (made.static_root, made.static_prefix, made.use_finders) == (str(tmp_path), "/s/", True)


# What is refused


@pytest.mark.parametrize("name", [*FOR_WRAPPER, *READ])
def test_an_override_without_effect_is_an_error(name: str) -> None:
    kind = type("Ours", (type("Between", (HashServe,), {name: None}),), {})
    with pytest.raises(TypeError, match=rf"^Between\.{name} has no effect in hashserve; ") as raised:
        kind(wrapped_application)
    assert FOR_WRAPPER.get(name, f"pass {name}= to the constructor") in str(raised.value)


@pytest.mark.parametrize("name", [*FOR_MIDDLEWARE, *READ, "static_prefix", "static_root", "use_finders"])
def test_an_override_without_effect_of_the_middleware_is_an_error(name: str) -> None:
    with django_classes() as (middleware, _), pytest.raises(TypeError, match=rf"^Ours\.{name} has no effect"):
        type("Ours", (middleware,), {name: None})(lambda request: None)


@pytest.mark.parametrize("name", FOR_STORAGE)
def test_an_override_without_effect_of_the_storage_is_an_error(name: str) -> None:
    with django_classes() as (_, storage), pytest.raises(TypeError, match=rf"^Ours\.{name} has no effect"):
        type("Ours", (storage,), {name: None})()


@pytest.mark.parametrize("name", FOR_WRAPPER)
def test_a_name_of_whitenoise_is_refused_with_what_to_do(name: str) -> None:
    application = HashServe(wrapped_application)
    assert not hasattr(application, name)
    with pytest.raises(AttributeError) as read:
        getattr(application, name)
    with pytest.raises(AttributeError) as written:
        setattr(application, name, None)
    with pytest.raises(AttributeError) as of_class:
        getattr(HashServe, name)
    expected = f"{name} is of WhiteNoise, hashserve has none; {FOR_WRAPPER[name]}"
    assert {str(error.value) for error in (read, written, of_class)} == {expected}


@pytest.mark.parametrize("name", [*READ, "immutable_file_test"])
def test_a_setting_cannot_be_assigned_to(name: str) -> None:
    with pytest.raises(AttributeError, match=f"^{name} cannot be changed; pass "):
        setattr(HashServe(wrapped_application), name, None)


def test_a_subclass_may_have_names_of_its_own() -> None:
    class Site(HashServe):
        extra = 1

        def __call__(self, environ: Any, start_response: Any) -> Any:
            return super().__call__(environ, start_response)

    assert Site(wrapped_application).extra == 1
