"""What projects do with WhiteNoise works after a change of names, or is an error that says what to write.

The classes here do what those of public projects do, in other words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings
from flask import Flask

from hashserve import HashServe, SettingError
from hashserve.django.storage import ManifestStaticFilesStorage
from tests.support.client import Reply, request, wrapped_application
from tests.support.collected_site import CollectedSite, paths_of
from tests.support.django_client import django_application
from tests.support.files import put

IMMUTABLE = "public, max-age=31536000, immutable"


def is_the_applications(reply: Reply) -> bool:
    return reply.body == b"the application's own"


# wsgi.py


def test_folders_are_added_one_by_one_and_again_and_again(tmp_path: Path) -> None:
    put(tmp_path, "first/a.css", b"first")
    put(tmp_path, "second/b.css", b"second")
    application = HashServe(wrapped_application)
    for _ in range(100):  # a thread of the project does it every second, so that new files are found
        for folder in ("first", "second"):
            application.add_files(str(tmp_path / folder), prefix="static/")
    assert len(application._site.mounts) == 2
    put(tmp_path, "second/new.css", b"new")
    bodies = [request(application, f"/static/{name}.css").body for name in ("a", "b", "new")]
    assert bodies == [b"first", b"second", b"new"]


def test_the_folder_that_is_added_again_is_the_last_one(tmp_path: Path) -> None:
    for folder in ("first", "second"):
        put(tmp_path, f"{folder}/a.css", folder.encode())
    application = HashServe(wrapped_application)
    for folder in ("first", "second", "first"):
        application.add_files(tmp_path / folder, "/static/")
    assert request(application, "/static/a.css").body == b"first"


def test_flask_with_a_folder_at_the_root_of_the_site(tmp_path: Path) -> None:
    put(tmp_path, "index.html", b"the built page")
    put(tmp_path, "assets/main-C4zMXA9e.js", b"main()")
    app = Flask(__name__, static_folder=None)
    app.add_url_rule("/api", view_func=lambda: {"is": "alive"})
    served: Any = HashServe(
        app.wsgi_app,
        root=str(tmp_path),
        index_file=True,
        autorefresh=True,
        immutable_file_test=r"^/assets/.+-[A-Za-z0-9_-]{8}\.",
    )
    assert request(served, "/").body == b"the built page"
    assert request(served, "/api").body.strip() == b'{"is":"alive"}'
    assert request(served, "/assets/main-C4zMXA9e.js")["Cache-Control"] == IMMUTABLE


def test_a_subclass_serves_files_of_some_extensions_only(tmp_path: Path) -> None:
    put(tmp_path, "card.css", b"a style")
    put(tmp_path, "card.jinja", b"a template")

    class ByLookup(HashServe):
        def find_file(self, url: str) -> Any:
            raise AssertionError

    with pytest.raises(TypeError, match="override __call__ to serve fewer or other URLs"):
        ByLookup(wrapped_application, tmp_path, "/components/")

    class ByCall(HashServe):
        def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
            if not environ["PATH_INFO"].endswith((".css", ".js")):
                return self.application(environ, start_response)
            return super().__call__(environ, start_response)

    application = ByCall(wrapped_application, tmp_path, "/components/")
    assert request(application, "/components/card.css").body == b"a style"
    assert is_the_applications(request(application, "/components/card.jinja"))


def test_a_test_of_one_argument_is_an_error_at_the_start(tmp_path: Path) -> None:
    test: Any = lambda path: bool(re.search(r"/_\w+/", path))  # noqa: E731  # as it is written in settings
    with pytest.raises(SettingError, match="must be a function of two arguments: path and URL"):
        HashServe(wrapped_application, tmp_path, immutable_file_test=test)


def test_a_test_may_return_a_match(tmp_path: Path) -> None:
    put(tmp_path, "app.db8f2edc0c8a.js", b"main()")
    test: Any = lambda path, url: re.match(r"^.+\.[0-9a-f]{12}\..+$", url)  # noqa: E731
    application = HashServe(wrapped_application, tmp_path, immutable_file_test=test)
    assert request(application, "/app.db8f2edc0c8a.js")["Cache-Control"] == IMMUTABLE


# Middleware


def middleware(get_response: Any) -> Any:
    """Make the middleware of a project: with media files, a bundler's folder, and a host without files."""
    from django.conf import settings

    from hashserve.django.middleware import HashServeMiddleware

    class Ours(HashServeMiddleware):
        def __init__(self, get_response: Any = None, settings: Any = settings) -> None:
            HashServeMiddleware.__init__(self, get_response, settings)
            self.add_files(settings.MEDIA_ROOT, prefix=settings.MEDIA_URL)

        def immutable_file_test(self, path: str, url: str) -> bool:
            if "/_app/immutable/" in url:
                return True
            return super().immutable_file_test(path, url)

        def __call__(self, request: Any) -> Any:
            if request.META.get("HTTP_HOST") == "untrusted.example":
                return self.get_response(request)
            return super().__call__(request)

    return Ours(get_response)


middleware.async_capable = True  # type: ignore[attr-defined]  # as Django asks for it


@pytest.mark.parametrize("gateway", ["wsgi", "asgi"])
@pytest.mark.parametrize("media_url", ["/media/", "https://cdn.example/media/"])
def test_a_middleware_with_media_files_and_a_bundlers_folder(
    tmp_path: Path, gateway: str, media_url: str
) -> None:
    put(tmp_path, "media/cat.jpg", b"a cat")
    put(tmp_path, "front/_app/immutable/start.js", b"start()")
    put(tmp_path, "front/robots.txt", b"robots")
    application = django_application(
        gateway,
        STATIC_ROOT=None,
        ALLOWED_HOSTS=["*"],
        WHITENOISE_ROOT=str(tmp_path / "front"),
        MEDIA_ROOT=str(tmp_path / "media"),
        MEDIA_URL=media_url,
        MIDDLEWARE=[f"{__name__}.middleware", "tests.support.django_client.application"],
    )
    assert request(application, "/media/cat.jpg").body == b"a cat"
    assert request(application, "/_app/immutable/start.js")["Cache-Control"] == IMMUTABLE
    assert request(application, "/robots.txt")["Cache-Control"] == "public, max-age=60"
    assert is_the_applications(request(application, "/robots.txt", host="untrusted.example"))


def test_a_middleware_with_other_settings_is_an_error() -> None:
    from hashserve.django.middleware import HashServeMiddleware

    with pytest.raises(TypeError, match=r"reads django\.conf\.settings only; remove the argument"):
        HashServeMiddleware(lambda request: None, object())


# Storages


class BypassingStorage(ManifestStaticFilesStorage):
    """A bundler's files below ``ui/`` keep their names, and are not post-processed."""

    manifest_strict = False

    def hashed_name(self, name: str, content: Any = None, filename: str | None = None) -> str:
        if name.startswith("ui/"):
            return name
        return str(super().hashed_name(name, content, filename))

    def post_process(self, paths: Any, dry_run: bool = False, **options: Any) -> Iterator[Any]:
        kept = {path: found for path, found in paths.items() if not path.startswith("ui/")}
        yield from super().post_process(kept, dry_run, **options)


class TolerantStorage(ManifestStaticFilesStorage):
    """A missing file is a broken link, and not an error; nor is any error of the post-processing."""

    manifest_strict = False

    def post_process(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        found: Iterable[Any] = super().post_process(*args, **kwargs)
        for name, hashed_name, processed in found:
            yield name, hashed_name, True if isinstance(processed, Exception) else processed

    def url(self, name: str, force: bool = False) -> str:
        try:
            return str(super().url(name, force=force))
        except ValueError:
            return f"/static/{name}"


@pytest.fixture
def site(tmp_path: Path) -> CollectedSite:
    site = CollectedSite(tmp_path)
    put(site.source, "ui/entry-B8yIs_ty.js", b"import './part-0a1B2c3D.js'; ui()")
    put(site.source, "ui/part-0a1B2c3D.js", b"part()")
    put(site.source, "vendor/bootswatch/a.css", b"a { color: red }")
    return site


def test_a_storage_that_leaves_a_folder_as_it_is(site: CollectedSite) -> None:
    paths = site.collect_with(BypassingStorage)
    assert not [path for path in paths if path.startswith("ui/")]
    assert (site.root / "ui/entry-B8yIs_ty.js").read_bytes() == b"import './part-0a1B2c3D.js'; ui()"
    storage: Any = site.open_storage(BypassingStorage)
    with override_settings(DEBUG=False):
        assert storage.url("ui/entry-B8yIs_ty.js") == "/static/ui/entry-B8yIs_ty.js"
        assert storage.url("css/app.css") == f"/static/{paths['css/app.css']}"
    second = site.collect_with(BypassingStorage)
    assert second == paths
    assert (site.root / "ui/entry-B8yIs_ty.js").is_file()


@pytest.mark.parametrize("name", ["gone.png", "vendor/bootswatch", "vendor/bootswatch/"])
def test_a_storage_without_errors_for_missing_files(site: CollectedSite, name: str) -> None:
    put(site.source, "css/lost.css", b"a { background: url(gone.png) }")
    site.collect_with(TolerantStorage)
    storage: Any = site.open_storage(TolerantStorage)
    with override_settings(DEBUG=False):
        assert storage.url(name) == f"/static/{name}"
    assert paths_of(site.root).keys() >= {"css/lost.css"}
    assert json.loads((site.root / "staticfiles.json").read_bytes())["hash"]


# Settings


@pytest.mark.parametrize(
    ("settings", "fingerprinted", "unhashed"),
    [
        ({"WHITENOISE_AUTOREFRESH": True}, IMMUTABLE, "public, max-age=60"),
        ({"WHITENOISE_AUTOREFRESH": True, "WHITENOISE_USE_FINDERS": True}, IMMUTABLE, "public, max-age=60"),
        ({"WHITENOISE_AUTOREFRESH": True, "WHITENOISE_MAX_AGE": 5}, IMMUTABLE, "public, max-age=5"),
        ({"HASHSERVE": {"AUTOREFRESH": True}}, "no-cache", "no-cache"),
        ({"WHITENOISE_AUTOREFRESH": True, "DEBUG": True}, "no-cache", "no-cache"),
    ],
)
def test_whitenoises_autorefresh_changes_no_lifetime_in_production(
    site: CollectedSite, settings: dict[str, Any], fingerprinted: str, unhashed: str
) -> None:
    site.collect()
    name = paths_of(site.root)["css/app.css"]
    application = django_application(
        "wsgi", STATIC_ROOT=str(site.root), STATICFILES_DIRS=[site.source], **settings
    )
    assert request(application, f"/static/{name}")["Cache-Control"] == fingerprinted
    assert request(application, "/static/css/app.css")["Cache-Control"] == unhashed
