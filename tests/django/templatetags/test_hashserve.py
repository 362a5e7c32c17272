"""The template tags, over our storage, Django's own and DEBUG."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.template import Context, Template, TemplateSyntaxError
from django.test.utils import override_settings

from hashserve import Manifest
from hashserve.digests import digest_of, integrity_of
from hashserve.django import html_elements
from hashserve.errors import SettingError
from tests.support.django_settings import configure
from tests.support.files import put

configure()

OURS = "hashserve.django.storage.ManifestStaticFilesStorage"
CACHED = "hashserve.django.storage.CachedStaticFilesStorage"
DJANGOS_MANIFEST = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"

SOURCE = {
    "css/app.css": b"body { margin: 0 }\n",
    "js/app.js": b"export const a = 1;\n",
    "js/lib.mjs": b"export const b = 2;\n",
    "shop/cart.js": b"export const c = 3;\n",
    "img/a b.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "fonts/inter.woff2": b"wOF2",
    "data.json": b"{}",
    "captions.vtt": b"WEBVTT\n",
}


class Project:
    """Settings of a project with one source folder, and how it renders."""

    def __init__(self, folder: Path, backend: str, **settings: Any) -> None:
        self.root = folder / "root"
        for path, content in SOURCE.items():
            put(folder / "source", path, content)
        self.overridden = override_settings(
            STATIC_ROOT=str(self.root),
            STATICFILES_DIRS=[str(folder / "source")],
            STATICFILES_FINDERS=["django.contrib.staticfiles.finders.FileSystemFinder"],
            STORAGES={
                "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
                "staticfiles": {"BACKEND": backend},
            },
            **settings,
        )

    def __enter__(self) -> Project:
        self.overridden.enable()
        return self

    def __exit__(self, *exception: object) -> None:
        self.overridden.disable()

    def collect(self) -> None:
        with override_settings(DEBUG=False):
            call_command("collectstatic", interactive=False, verbosity=0)

    @property
    def manifest(self) -> Manifest:
        return Manifest.load(self.root / "staticfiles.json")

    def url(self, name: str) -> str:
        return f"/static/{self.manifest.paths[name]}".replace(" ", "%20")

    def digest(self, name: str) -> str:
        return integrity_of(digest_of([SOURCE[name]]))


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project with our storage, collected."""
    with Project(tmp_path, OURS) as made:
        made.collect()
        yield made


@pytest.fixture(params=[OURS, PLAIN])
def debugged(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    """A project with DEBUG, with which nothing was collected."""
    with Project(tmp_path, request.param, DEBUG=True) as made:
        yield made


def render(source: str, **context: Any) -> str:
    return str(Template("{% load hashserve static %}" + source).render(Context(context)))


class Elements(HTMLParser):
    """Every element of some HTML with its attributes, and the text in it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def link(source: str, **context: Any) -> dict[str, str | None]:
    (tag, attributes), *others = Elements(render(source, **context)).found
    assert (tag, others) == ("link", [])
    return attributes


def script(source: str, **context: Any) -> tuple[dict[str, str | None], dict[str, dict[str, str]]]:
    elements = Elements(render(source, **context))
    (tag, attributes), *others = elements.found
    assert (tag, others) == ("script", [])
    return attributes, json.loads(elements.text)


# Integrity


def test_the_integrity_is_that_of_the_file_at_the_url(project: Project) -> None:
    page = render('{% static "js/app.js" %} {% static_integrity "js/app.js" %}')
    assert page == f"{project.url('js/app.js')} {project.digest('js/app.js')}"


def test_the_integrity_can_be_kept_in_a_variable(project: Project) -> None:
    assert render('{% static_integrity "js/app.js" as it %}[{{ it }}]') == f"[{project.digest('js/app.js')}]"


def test_the_integrity_of_an_unknown_name_is_empty(project: Project) -> None:
    assert render('[{% static_integrity "no/such.js" %}]') == "[]"


def test_there_is_no_integrity_with_debug(debugged: Project) -> None:
    assert render('[{% static_integrity "js/app.js" %}]') == "[]"


@pytest.mark.parametrize("backend", [PLAIN, DJANGOS_MANIFEST])
def test_there_is_no_integrity_with_a_storage_without_digests(backend: str, tmp_path: Path) -> None:
    with Project(tmp_path, backend) as project:
        project.collect()
        assert render('[{% static_integrity "js/app.js" %}]') == "[]"


# Preload


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("css/app.css", {"rel": "preload", "as": "style", "type": "text/css", "integrity": ""}),
        ("js/app.js", {"rel": "preload", "as": "script", "type": "text/javascript", "integrity": ""}),
        ("js/lib.mjs", {"rel": "modulepreload", "as": "script", "integrity": ""}),
        ("img/a b.svg", {"rel": "preload", "as": "image", "type": "image/svg+xml"}),
        (
            "fonts/inter.woff2",
            {"rel": "preload", "as": "font", "type": "font/woff2", "crossorigin": "anonymous"},
        ),
        (
            "data.json",
            {"rel": "preload", "as": "fetch", "type": "application/json", "crossorigin": "anonymous"},
        ),
        ("captions.vtt", {"rel": "preload", "as": "track", "type": "text/vtt"}),
    ],
)
def test_a_preload_link_has_the_destination_of_its_file(
    project: Project, name: str, attributes: dict[str, str]
) -> None:
    expected = {**attributes, "href": project.url(name)}
    if "integrity" in expected:
        expected["integrity"] = project.digest(name)
    assert link(f'{{% preload "{name}" %}}') == expected


@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ("module=True", {"rel": "modulepreload", "as": "script"}),
        ('as="fetch"', {"rel": "preload", "as": "fetch", "crossorigin": "anonymous"}),
        ('crossorigin="use-credentials"', {"crossorigin": "use-credentials"}),
        ("crossorigin=True", {"crossorigin": "anonymous"}),
        ('fetchpriority="high"', {"fetchpriority": "high"}),
        ("nonce=nonce", {"nonce": "a\"b<c>&'"}),
        ('media="(min-width: 40em)"', {"media": "(min-width: 40em)"}),
        ("media=None", {}),
        ("disabled=True", {"disabled": None}),
    ],
)
def test_keywords_become_attributes(project: Project, keywords: str, expected: dict[str, str | None]) -> None:
    attributes = link(f'{{% preload "js/app.js" {keywords} %}}', nonce="a\"b<c>&'")
    assert attributes.items() >= expected.items()
    assert ("media" in attributes) == ("media" in expected)


def test_module_false_preloads_a_module_as_a_plain_script(project: Project) -> None:
    assert link('{% preload "js/lib.mjs" module=False %}')["rel"] == "preload"


def test_an_unknown_destination_is_an_error(project: Project) -> None:
    with pytest.raises(SettingError, match="as='video': must be one of fetch, font, image"):
        render('{% preload "js/app.js" as="video" %}')


@pytest.mark.parametrize(
    ("keywords", "has_integrity"), [("", False), ('crossorigin="anonymous"', True), ("module=True", True)]
)
def test_a_link_to_another_origin_has_integrity_only_with_cors(
    keywords: str, has_integrity: bool, tmp_path: Path
) -> None:
    with Project(tmp_path, OURS, STATIC_URL="https://cdn.example/static/") as project:
        project.collect()
        attributes = link(f'{{% preload "js/app.js" {keywords} %}}')
        assert str(attributes["href"]).startswith("https://cdn.example/static/js/app.")
        assert ("integrity" in attributes) == has_integrity


def test_with_debug_a_preload_link_has_the_plain_url(debugged: Project) -> None:
    assert link('{% preload "css/app.css" %}') == {
        "rel": "preload",
        "as": "style",
        "type": "text/css",
        "href": "/static/css/app.css",
    }


# Import map

BARE = {"HASHSERVE": {"IMPORT_MAP_BARE": {"app": "js/app.js"}}}


def test_the_import_map_has_bare_logical_and_unhashed_names_with_integrity(project: Project) -> None:
    with override_settings(**BARE):
        attributes, document = script("{% import_map nonce=nonce %}", nonce='n"1')
    assert attributes == {"type": "importmap", "nonce": 'n"1'}
    names = ["js/app.js", "js/lib.mjs", "shop/cart.js"]
    assert document["imports"] == {
        "app": project.url("js/app.js"),
        **{name: project.url(name) for name in names},
        **{f"/static/{name}": project.url(name) for name in names},
    }
    assert document["integrity"] == {project.url(name): project.digest(name) for name in names}


def test_the_import_map_can_be_limited_to_starts_of_paths(project: Project) -> None:
    with override_settings(**BARE):
        imports = script('{% import_map "shop/" "nowhere/" %}')[1]["imports"]
    assert set(imports) == {
        *("app", "js/app.js", "/static/js/app.js"),
        *("shop/cart.js", "/static/shop/cart.js"),
    }


def test_the_import_map_of_a_release_is_written_once(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = render("{% import_map %}")
    monkeypatch.setattr(html_elements, "_map", lambda bare, names: {"imports": {}})
    assert render("{% import_map %}") == first
    assert render('{% import_map "js/" %}') != first
    for number in range(50):
        render(f'{{% import_map "js{number}/" %}}')
    assert len(html_elements._kept_maps[staticfiles_storage._wrapped]) <= 32


def test_no_name_ends_the_script_element(project: Project) -> None:
    bare = {"</script><script>alert(1)": "js/app.js", "<!--&": "js/app.js"}
    with override_settings(HASHSERVE={"IMPORT_MAP_BARE": bare}):
        page = render("{% import_map %}")
        assert page.count("<") == 2
        assert (
            script("{% import_map %}")[1]["imports"].items()
            >= dict.fromkeys(bare, project.url("js/app.js")).items()
        )


def test_the_import_map_has_the_files_of_the_finders_with_debug(debugged: Project) -> None:
    with override_settings(**BARE):
        document = script("{% import_map %}")[1]
    assert set(document) == {"imports"}
    assert document["imports"]["app"] == "/static/js/app.js"
    assert document["imports"]["shop/cart.js"] == "/static/shop/cart.js"
    assert len(document["imports"]) == 7


def test_the_import_map_has_the_names_of_djangos_storage(tmp_path: Path) -> None:
    with Project(tmp_path, DJANGOS_MANIFEST) as project:
        project.collect()
        put(tmp_path / "source", "later.js", b"")
        document = script("{% import_map %}")[1]
        assert document["imports"]["js/app.js"] == project.url("js/app.js")
        assert "later.js" not in document["imports"]


SHOP = {
    "app/main.js": b"import './cart.js';\nimport 'lit';\n",
    "app/cart.js": b"export { total } from './total.js';\n",
    "app/total.js": b"export const total = 1;\n",
    "vendor/lit.js": b"export const html = 1;\n",
    "vendor/jquery.js": b"(function () { window.jQuery = 1; })();\n",
}
LIT = {"lit": "vendor/lit.js", "other": "js/app.js"}
REACHED = {"app/main.js", "app/cart.js", "app/total.js", "vendor/lit.js", "lit"}


@pytest.fixture(params=[OURS, CACHED, "DEBUG"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Project]:
    """A project with modules and a classic script: with each storage, and with DEBUG."""
    backend, is_debug = (OURS, True) if request.param == "DEBUG" else (request.param, False)
    with Project(tmp_path, backend, DEBUG=is_debug, HASHSERVE={"IMPORT_MAP_BARE": LIT}) as made:
        for path, content in SHOP.items():
            put(tmp_path / "source", path, content)
        if is_debug:
            yield made
        else:
            made.collect()
            with override_settings(STATICFILES_DIRS=[]):  # it needs the release alone
                yield made


def mapped(source: str) -> set[str]:
    """Return the names in an import map without the URLs."""
    return {name for name in script(source)[1]["imports"] if not name.startswith("/static/")}


def test_the_import_map_has_modules_only(shop: Project) -> None:
    names = mapped("{% import_map %}")
    assert names >= {*REACHED, "js/app.js", "js/lib.mjs", "shop/cart.js", "other"}
    assert "vendor/jquery.js" not in names


def test_entries_limit_the_import_map_to_what_they_import(shop: Project) -> None:
    assert mapped('{% import_map "app/main.js" %}') == REACHED
    assert mapped('{% import_map "app/cart.js" "lit" %}') == REACHED - {"app/main.js"}
    assert mapped('{% import_map "vendor/jquery.js" %}') == {"vendor/jquery.js"}


def test_entries_and_starts_of_paths_can_be_combined(shop: Project) -> None:
    assert mapped('{% import_map "app/total.js" "shop/" %}') == {"app/total.js", "shop/cart.js"}


def test_the_entries_of_the_settings_are_those_of_a_tag_without_names(shop: Project) -> None:
    settings = {"IMPORT_MAP_BARE": LIT, "IMPORT_MAP_ENTRIES": ["app/main.js"]}
    with override_settings(HASHSERVE=settings):
        assert mapped("{% import_map %}") == REACHED
        assert mapped('{% import_map "js/app.js" %}') == {"js/app.js", "other"}


def test_an_entry_that_does_not_exist_is_an_error(project: Project) -> None:
    with pytest.raises(ValueError, match=r"no/such\.js"):
        render('{% import_map "no/such.js" %}')


def test_a_manifest_without_modules_has_every_script_in_the_import_map(project: Project) -> None:
    project.manifest._replace(modules=None).write(project.root / "staticfiles.json")
    with override_settings(STATIC_ROOT=str(project.root)):  # makes a new storage
        assert mapped('{% import_map "js/app.js" %}') == {"js/app.js", "js/lib.mjs", "shop/cart.js"}


def test_a_changed_module_changes_the_import_map_with_debug(tmp_path: Path, debugged: Project) -> None:
    assert mapped('{% import_map "js/app.js" %}') == {"js/app.js"}
    put(tmp_path / "source", "js/app.js", b"import '../shop/cart.js';\n")
    assert mapped('{% import_map "js/app.js" %}') == {"js/app.js", "shop/cart.js"}


class Policy:
    """A request of django-csp, which sends a nonce only if it was read."""

    def __init__(self) -> None:
        self.has_nonce = False

    @property
    def csp_nonce(self) -> str:
        self.has_nonce = True
        return "of django-csp"


def test_the_import_map_has_the_nonce_of_the_page(project: Project) -> None:
    request = Policy()
    assert script("{% import_map %}", request=request)[0]["nonce"] == "of django-csp"
    assert request.has_nonce
    assert script("{% import_map %}", csp_nonce="of Django")[0]["nonce"] == "of Django"
    assert script("{% import_map nonce='own' %}", csp_nonce="of Django")[0]["nonce"] == "own"
    assert "nonce" not in script("{% import_map nonce=None %}", csp_nonce="of Django")[0]
    assert "nonce" not in script("{% import_map %}", request=object())[0]


def test_a_bare_name_of_a_missing_script_is_an_error(project: Project) -> None:
    with (
        override_settings(HASHSERVE={"IMPORT_MAP_BARE": {"x": "no/such.js"}}),
        pytest.raises(ValueError, match=r"no/such\.js"),
    ):
        render("{% import_map %}")


# Names from a cache


def test_every_tag_works_in_a_process_with_only_the_cache(tmp_path: Path) -> None:
    with Project(tmp_path, CACHED) as project:
        project.collect()
        url, digest, release = project.url("js/app.js"), project.digest("js/app.js"), project.manifest.release
        with override_settings(STATIC_ROOT=None, STATICFILES_DIRS=[], **BARE):
            assert render('{% static "js/app.js" %} {% static_integrity "js/app.js" %}') == f"{url} {digest}"
            assert link('{% preload "js/app.js" %}').items() >= {"href": url, "integrity": digest}.items()
            document = script("{% import_map %}")[1]
            assert (document["imports"]["app"], document["integrity"][url]) == (url, digest)
            assert render("{% cache_bust release %}") == release


# Cache busting


def test_the_token_is_the_time_by_default(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1763791920.9)
    page = render('<img src="/captcha/?cache_bust={% cache_bust %}" class="captcha"/>')
    assert page == '<img src="/captcha/?cache_bust=1763791920" class="captcha"/>'
    assert render("{% cache_bust time %}") == "1763791920"


@pytest.mark.parametrize("word", ["release", '"release"', "'release'", "kind"])
def test_the_token_can_be_the_release(project: Project, word: str) -> None:
    assert project.manifest.release
    assert render(f"{{% cache_bust {word} %}}", kind="release", release="x") == project.manifest.release


def test_the_token_can_be_kept_in_a_variable(project: Project) -> None:
    release = project.manifest.release
    assert render("{% cache_bust release as r %}[{{ r }}]") == f"[{release}]"
    assert re.fullmatch(r"\[\d+\]", render("{% cache_bust as t %}[{{ t }}]"))


def test_the_token_is_the_time_without_a_release(debugged: Project) -> None:
    assert re.fullmatch(r"\d{10}", render("{% cache_bust release %}"))


@pytest.mark.parametrize("words", ["nonsense", '"nonsense"', "release time"])
def test_another_word_is_an_error_of_the_template(project: Project, words: str) -> None:
    with pytest.raises(TemplateSyntaxError, match="cache_bust takes"):
        render(f"{{% cache_bust {words} %}}")
