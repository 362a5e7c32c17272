"""Deltas in a real browser: visitors come back after each release, and load only what changed, as deltas.

Invariant: a page shows the release of each file that it executed or drew, so that wrong bytes are noticed.
"""

from __future__ import annotations

import html
import json
import shutil
from base64 import urlsafe_b64encode
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest

from benchmarks.deltas import PACKAGES, Package
from hashserve import HashServe, Manifest
from hashserve.builder import BuildSettings, build
from hashserve.digests import digest_of
from hashserve.fingerprint_patterns import fingerprint_of
from tests.support.browser import ARGUMENTS, PATIENCE, Visit, serve_application
from tests.support.building import manifest_of
from tests.support.changing_files import drawing, module_of_wasm, script, style_sheet, words
from tests.support.files import put
from tests.support.parts import require_tool
from tests.support.real_trees import VARIANTS, real_tree
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from wsgiref.headers import Headers as HeaderFields

    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

READY = "ready"
"""In the place of a fingerprint, it asks for the dictionary that the client offers."""


# The site


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """A request for a fingerprinted file: the dictionary that it offers, and the answer."""

    path: str
    dictionary: str | None
    status: int
    coding: str
    length: int


@dataclass(kw_only=True)
class Shop:
    """A site whose releases are built in place while it is served; it logs the requests for its files.

    ``mount`` is the path that it is mounted at, ``origin`` the URL of another host that serves the files.
    """

    folder: Path
    prefix: str = "/static/"
    mount: str = ""
    origin: str = ""
    cache: str | None = None
    pages: dict[str, str] = field(default_factory=dict)
    releases: list[Manifest] = field(default_factory=list)
    log: list[Exchange] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "out").mkdir(parents=True, exist_ok=True)
        self.static = HashServe(
            self.page, self.folder / "out", self.prefix, autorefresh=True, url_base=self.origin
        )

    def release(self, files: Mapping[str, bytes], page: Callable[[Shop], str]) -> None:
        """Build the next release, and publish its page under its number, beginning with 1."""
        for path, content in files.items():
            put(self.folder / "source", path, content)
        settings = BuildSettings(prefix=self.prefix, cache=self.cache)
        build(self.folder / "source", self.folder / "out", settings)
        self.releases.append(manifest_of(self.folder / "out"))
        self.pages[f"/{len(self.releases)}"] = page(self)

    def url(self, path: str) -> str:
        return self.static.url(path, {"SCRIPT_NAME": self.mount})

    def tag(self, element: str, path: str) -> str:
        """Return an element with the URL of a file for ``URL``, and its digest for ``SRI``."""
        url = html.escape(self.url(path))
        return element.replace("URL", f'"{url}"').replace("SRI", f'integrity="{self.static.integrity(path)}"')

    def renamed(self, since: int) -> dict[str, str]:
        """Return the new paths of the files that changed since a release, with the paths that they had."""
        old, new = self.releases[since - 1].paths, self.releases[-1].paths
        return {new[path]: old[path] for path in new if old.get(path, new[path]) != new[path]}

    def page(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = self.pages.get(environ["PATH_INFO"], "").encode()
        kind = "text/javascript" if environ["PATH_INFO"].endswith(".js") else "text/html"
        fields = [("Content-Type", f"{kind}; charset=utf-8"), ("Content-Length", str(len(body)))]
        start_response("200 OK" if body else "404 Not Found", fields)
        return [body]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Mount the application, and log what it answers below its prefix."""
        assert environ["PATH_INFO"].startswith(self.mount)
        environ["SCRIPT_NAME"] = self.mount
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(self.mount)
        path = environ["PATH_INFO"].encode("latin-1").decode()
        dictionary = environ.get("HTTP_AVAILABLE_DICTIONARY")
        if not path.startswith(self.prefix) or path in self.pages:
            return self.static(environ, start_response)
        if f"{READY}." in path:
            fields = [("Cache-Control", "no-store"), ("Access-Control-Allow-Origin", "*")]
            start_response("200 OK", [("Content-Type", "text/plain"), *fields])
            return [(dictionary or "").encode()]

        def logging(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
            fields = {name.lower(): value for name, value in headers}
            coding = fields.get("content-encoding", "identity")
            self.log.append(
                Exchange(
                    path=path.removeprefix(self.prefix),
                    dictionary=dictionary,
                    status=int(status[:3]),
                    coding=coding,
                    length=int(fields.get("content-length", 0)),
                )
            )
            return start_response(status, headers, *rest)

        return self.static(environ, logging)


# Visits


@contextmanager
def visitor(browser: Browser) -> Iterator[Visit]:
    """Open an empty page with a cache of its own."""
    with Visit.to(browser, "about:blank") as visit:
        note_issues(visit)
        yield visit


def note_issues(visit: Visit) -> None:
    """Keep the issues of dictionaries that Chromium's developer tools list, such as a refused pattern."""
    tools = visit.page.context.new_cdp_session(visit.page)
    tools.on("Audits.issueAdded", lambda event: visit.problems.extend(issues_in(event["issue"]["details"])))
    tools.send("Audits.enable")


def issues_in(details: Mapping[str, Any]) -> Iterator[str]:
    issue = details.get("sharedDictionaryIssueDetails")
    if issue and f"{READY}." not in issue["request"]["url"]:
        yield f"{issue['sharedDictionaryError']}: {issue['request']['url']}"


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """What a page loaded: the requests that reached the server, and the page's own timing of each file."""

    requests: list[Exchange]
    timing: dict[str, tuple[str, int, int]]

    def codings(self) -> dict[str, str]:
        """Return the coding of each file that was requested."""
        assert len({each.path for each in self.requests}) == len(self.requests), "a file was requested twice"
        return {each.path: each.coding for each in self.requests}

    def bytes(self) -> int:
        return sum(each.length for each in self.requests)


TIMING = """performance.getEntriesByType("resource").map(entry =>
  [entry.name, entry.contentEncoding, entry.encodedBodySize, entry.decodedBodySize])"""


NO_CORS = "NoCorsRequest"
"""A part of the issue that a response of another origin cannot be a dictionary without CORS."""


def load(visit: Visit, shop: Shop, url: str, shown: Mapping[str, int]) -> Loaded:
    """Open a page, and wait until it shows these releases."""
    shop.log.clear()
    visit.page.goto(url, wait_until="load")
    visit.wait(f"Object.keys(shown()).length >= {len(shown)}")
    assert visit.page.evaluate("shown()") == shown
    assert [each for each in visit.problems if NO_CORS not in each] == []
    timing = {
        unquote(urlsplit(name).path).removeprefix(shop.mount + shop.prefix): (coding, coded, decoded)
        for name, coding, coded, decoded in visit.page.evaluate(TIMING)
    }
    return Loaded(requests=[*shop.log], timing=timing)


def is_offered(visit: Visit, url: str, dictionary: str) -> bool:
    return bool(visit.page.evaluate("url => fetch(url).then(it => it.text())", url) == dictionary)


def wait_for_dictionaries(visit: Visit, shop: Shop, names: Collection[str]) -> None:
    """Wait until the browser has stored the files of the newest release as dictionaries."""
    manifest = shop.releases[-1]
    for name in set(names) - {WORKER}:
        path = manifest.paths[name]
        record = manifest.record(path)
        assert record is not None
        url = shop.url(name).replace(fingerprint_of(path) or "", READY)
        wait_until(partial(is_offered, visit, url, f":{record.sha256}:"))


def figures(loaded: Loaded, shop: Shop) -> str:
    """Return what a visit cost, beside what the same files are with brotli."""
    records = [shop.releases[-1].record(each.path) for each in loaded.requests]
    whole = sum(record.variants["br"] for record in records if record)
    return f"{len(records)} files, {loaded.bytes():,} bytes as deltas, {whole:,} bytes with brotli"


def assert_whole(loaded: Loaded, shop: Shop) -> None:
    """Assert that every file came with brotli, to a browser that offered no dictionary."""
    assert loaded.codings() == dict.fromkeys(shop.releases[-1].paths.values(), "br")
    assert {(each.status, each.dictionary) for each in loaded.requests} == {(200, None)}


def assert_deltas(loaded: Loaded, shop: Shop, since: int) -> None:
    """Assert that a visitor with the files of a release loaded a delta of each that changed, no more."""
    renamed, manifest = shop.renamed(since), shop.releases[-1]
    worker = manifest.paths.get(WORKER)
    assert loaded.codings() == {path: "br" if path == worker else "dcz" for path in renamed}
    for each in loaded.requests:
        if each.path != worker:
            deltas = {delta.dictionary: delta for delta in manifest.deltas_of(each.path)}
            delta = deltas[renamed[each.path]]
            assert each.dictionary == f":{delta.dictionary_sha256}:"
            assert (each.status, each.length) == (200, delta.size)


def assert_the_page_sees_them(loaded: Loaded, shop: Shop) -> None:
    """Assert that the page's own timing says how many bytes each delta had, and its file."""
    for each in loaded.requests:
        record = shop.releases[-1].record(each.path)
        assert record is not None
        assert loaded.timing[each.path] == (each.coding, each.length, record.size)


# Every kind of loading

WORKER = "worker.js"
"""Chromium 156 never keeps the script of a worker as a dictionary, but what it imports."""


def show(kind: str, release: int) -> str:
    return f'show("{kind}", {release});'


MAIN = """
show("part", part);
import("./lazy.js").then(({lazy}) => show("lazy", lazy));
const worker = new Worker(new URL("./worker.js", import.meta.url), {type: "module"});
worker.onmessage = ({data}) => { show("worker", data.worker); show("helper", data.helper); };
"""

HELPER = 'import {helper} from "./helper.js";'

FILES: Mapping[str, Callable[[int], bytes]] = {
    "classic.js": lambda n: script("classic", show("classic", n)),
    "preloaded.js": lambda n: script("preloaded", show("preloaded", n)),
    "main.js": lambda n: script("main", show("main", n) + MAIN, imports='import {part} from "./part.js";'),
    "part.js": lambda n: script("part", f"export const part = {n};"),
    "lazy.js": lambda n: script("lazy", f"export const lazy = {n};"),
    WORKER: lambda n: script("worker", f"postMessage({{worker: {n}, helper}});", imports=HELPER),
    "helper.js": lambda n: script("helper", f"export const helper = {n};"),
    "app.css": lambda n: style_sheet("app", n, imports='@import "base.css";'),
    "base.css": lambda n: style_sheet("base", n),
    "words.json": lambda n: words("words", n),
    "preloaded.json": lambda n: words("preloaded", n),
    "drawing.svg": lambda n: drawing("drawing", n),
    "code.wasm": lambda n: module_of_wasm("code", n),
}

PAGE = """<!doctype html><html lang=en><meta charset=utf-8><title>Release</title><link rel=icon href="data:,">
<style>table { font: 14px sans-serif } td { padding: 0 1em }</style>
<script>
const releases = {};
function show(kind, release) { releases[kind] = release; }
function showCode(wasm) { show("code", wasm.instance.exports.release()); }
function showPreloaded(json) { show("preloaded-json", json.release); }
function shown() {
  const style = getComputedStyle(document.documentElement), image = document.querySelector("#drawing");
  for (const name of ["app", "base"])
    if (style.getPropertyValue(`--${name}`)) show(name, Number(style.getPropertyValue(`--${name}`)));
  if (image?.naturalWidth) show("drawing", image.naturalWidth - 100);
  document.querySelector("table").innerHTML = Object.keys(releases).sort()
    .map(kind => `<tr><td>${kind}<td>${releases[kind]}`).join("");
  return releases;
}
</script>
"""

ELEMENTS = (
    ("preloaded.js", "<link rel=preload as=script href=URL SRI>"),
    ("preloaded.json", "<link rel=preload as=fetch crossorigin href=URL>"),
    ("part.js", "<link rel=modulepreload href=URL SRI>"),
    ("app.css", "<link rel=preload as=style href=URL SRI>"),
    ("app.css", "<link rel=stylesheet href=URL SRI>"),
    ("classic.js", "<script src=URL SRI></script>"),
    ("preloaded.js", "<script defer src=URL SRI></script>"),
    ("main.js", "<script type=module src=URL SRI></script>"),
    ("drawing.svg", "<body><table></table><img id=drawing alt='' src=URL SRI>"),
    ("words.json", "<script>fetch(URL).then(r => r.json()).then(it => show('words', it.release))</script>"),
    (
        "preloaded.json",
        "<script>onload = () => fetch(URL).then(r => r.json()).then(showPreloaded)</script>",
    ),
    (
        "code.wasm",
        "<script>WebAssembly.instantiateStreaming(fetch(URL)).then(showCode)</script>",
    ),
)


def page_of_every_kind(shop: Shop) -> str:
    """Write a page that loads files in every way, its modules with SRI too."""
    modules = {shop.url(path): shop.static.integrity(path) for path in ("main.js", "part.js", "lazy.js")}
    import_map = f"<script type=importmap>{json.dumps({'integrity': modules})}</script>"
    return PAGE + import_map + "\n".join(shop.tag(element, path) for path, element in ELEMENTS)


def kind_of(path: str) -> str:
    return "preloaded-json" if path == "preloaded.json" else path.partition(".")[0]


CHANGES: Sequence[Collection[str]] = (
    [*FILES],
    [*FILES],
    ("classic.js", "lazy.js", "app.css", "words.json"),
    [*FILES],
)
"""The files that change in each release. main.js names lazy.js, so that its content changes with it."""


def test_a_visitor_loads_only_deltas_of_what_changed_in_each_of_four_releases(
    browser: Browser, tmp_path: Path
) -> None:
    shop = Shop(folder=tmp_path)
    shown: dict[str, int] = {}
    with serve_application(shop) as url, visitor(browser) as regular, visitor(browser) as rare:
        for number, names in enumerate(CHANGES, 1):
            shop.release({name: FILES[name](number) for name in names}, page_of_every_kind)
            shown |= {kind_of(name): number for name in names}
            loaded = load(regular, shop, f"{url}/{number}", shown)
            if number == 1:
                assert_whole(loaded, shop)
                assert_whole(load(rare, shop, f"{url}/1", shown), shop)
                wait_for_dictionaries(rare, shop, FILES)
            else:
                assert_deltas(loaded, shop, number - 1)
                assert_the_page_sees_them(loaded, shop)
                print(f"deltas in Chromium: release {number}: {figures(loaded, shop)}")
            assert load(regular, shop, f"{url}/{number}", shown).requests == []
            wait_for_dictionaries(regular, shop, FILES)
            if number == 3:
                loaded = load(rare, shop, f"{url}/3", shown)
                assert_deltas(loaded, shop, 1)
                print(f"deltas in Chromium: release 3 after 1: {figures(loaded, shop)}")
        assert load(regular, shop, f"{url}/1", dict.fromkeys(shown, 1)).requests == []


# Names, prefixes, mount points

NAMES = {
    "a b.js": True,
    "café.js": True,
    "folder é/ñ.js": True,
    "other (1)/ñ.js": True,
    "a&b='c.js": True,
    "a;b,c!d$.js": True,
    "100%.js": True,
    "what#.js": True,
    "~t@v.js": True,
    "a.min.js": True,
    "p+q.js": False,
    "x(1).js": False,
    "{y}[z].js": False,
}
"""Names of scripts, and whether a URL pattern can be made of them."""


def page_of_names(shop: Shop) -> str:
    scripts = (shop.tag("<script src=URL SRI></script>", name) for name in NAMES)
    return PAGE + "<body><table></table>" + "".join(scripts)


@pytest.mark.parametrize(("prefix", "mount"), [("/assets/v1/", "/shop/main"), ("/", "")])
def test_awkward_names_below_any_prefix_and_mount_point_are_right(
    browser: Browser, tmp_path: Path, prefix: str, mount: str
) -> None:
    shop = Shop(folder=tmp_path, prefix=prefix, mount=mount)
    with serve_application(shop) as url, visitor(browser) as visit:
        for number in (1, 2, 3):
            files = {name: script(name, show(f"s{index}", number)) for index, name in enumerate(NAMES)}
            shop.release(files, page_of_names)
            loaded = load(
                visit, shop, f"{url}{mount}/{number}", {f"s{index}": number for index in range(len(NAMES))}
            )
            names = {path: name for name, path in shop.releases[-1].paths.items()}
            assert loaded.codings() == {
                path: "dcz" if NAMES[names[path]] and number > 1 else "br" for path in names
            }
            wait_for_dictionaries(visit, shop, [name for name in NAMES if NAMES[name]])


def test_what_chromium_refuses_as_a_dictionary_is_noticed(browser: Browser, tmp_path: Path) -> None:
    shop = Shop(folder=tmp_path)
    shop.release({"a.js": script("a", "")}, lambda shop: shop.tag("<script src=URL></script>", "a.js"))
    shop.static = HashServe(shop.page, tmp_path / "out", add_headers_function=refer_to_groups)
    with serve_application(shop) as url, visitor(browser) as visit:
        visit.page.goto(f"{url}/1", wait_until="load")
        wait_until(lambda: visit.page.evaluate("1") and visit.problems)
        assert visit.problems[0].startswith("WriteErrorInvalidMatchField: ")


def refer_to_groups(fields: HeaderFields, path: str, url: str) -> None:
    fields["Use-As-Dictionary"] = r'match="/static/(\\d+).js"'


# Names of a bundler


def bundle(number: int) -> dict[str, bytes]:
    """Return two chunks as Vite names them, and its manifest."""
    lazy = script("lazy", f"export const lazy = {number};")
    lazy_name = f"lazy-{token(lazy)}.js"
    load_lazy = f"import('./{lazy_name}').then(({{lazy}}) => show('lazy', lazy));"
    main = script("main", show("main", number) + load_lazy)
    manifest = {
        "src/main.js": {"file": f"assets/main-{token(main)}.js", "src": "src/main.js", "isEntry": True},
        "src/lazy.js": {"file": f"assets/{lazy_name}", "src": "src/lazy.js", "isDynamicEntry": True},
    }
    return {
        str(manifest["src/main.js"]["file"]): main,
        str(manifest["src/lazy.js"]["file"]): lazy,
        ".vite/manifest.json": json.dumps(manifest).encode(),
    }


def token(content: bytes) -> str:
    return urlsafe_b64encode(sha256(content).digest())[:8].decode()


def page_of_bundle(shop: Shop) -> str:
    return PAGE + shop.tag("<body><table></table><script type=module src=URL SRI></script>", "src/main.js")


def test_chunks_with_the_names_of_a_bundler_come_as_deltas(browser: Browser, tmp_path: Path) -> None:
    shop = Shop(folder=tmp_path)
    with serve_application(shop) as url, visitor(browser) as visit:
        for number in (1, 2, 3):
            shutil.rmtree(tmp_path / "source", ignore_errors=True)
            shop.release(bundle(number), page_of_bundle)
            loaded = load(visit, shop, f"{url}/{number}", {"main": number, "lazy": number})
            if number > 1:
                assert_deltas(loaded, shop, number - 1)
            wait_for_dictionaries(visit, shop, ("src/main.js", "src/lazy.js"))


# Another origin


CROSS = (
    ("base.css", "<link rel=stylesheet crossorigin href=URL SRI>"),
    ("classic.js", "<script crossorigin src=URL SRI></script>"),
    ("part.js", '<script type=module>import {part} from URL; show("part", part)</script>'),
    ("words.json", "<script>fetch(URL).then(r => r.json()).then(it => show('words', it.release))</script>"),
    ("preloaded.js", "<script src=URL></script>"),
)
"""The last one is not read by CORS, so that the browser never uses a dictionary for it."""


def page_of_another_origin(shop: Shop) -> str:
    return PAGE + "<body><table></table>" + "".join(shop.tag(element, path) for path, element in CROSS)


def test_files_of_another_origin_come_as_deltas_where_cors_lets_the_page_read_them(
    browser: Browser, tmp_path: Path
) -> None:
    cdn = Shop(folder=tmp_path)
    with serve_application(cdn) as origin:
        shop = Shop(folder=tmp_path, origin=origin)
        with serve_application(shop) as url, visitor(browser) as visit:
            for number in (1, 2, 3):
                files = {name: FILES[name](number) for name in (name for name, _ in CROSS)}
                shop.release(files, page_of_another_origin)
                cdn.releases = shop.releases
                kinds = {kind_of(name): number for name in files}
                shop.log.clear()
                loaded = load(visit, cdn, f"{url}/{number}", kinds)
                assert shop.log == []
                names = {path: name for name, path in shop.releases[-1].paths.items()}
                assert loaded.codings() == {
                    path: "br" if number == 1 or names[path] == "preloaded.js" else "dcz" for path in names
                }
                wait_for_dictionaries(visit, shop, set(files) - {"preloaded.js"})
            wait_until(lambda: visit.page.evaluate("1") and len(visit.problems) == 3)
            assert all(NO_CORS in problem for problem in visit.problems)


@pytest.mark.parametrize("are_blocked", [True, False], ids=["blocked", "allowed"])
def test_a_host_of_another_site_gets_no_dictionary_where_third_party_cookies_are_blocked(
    browser: Browser, tmp_path: Path, are_blocked: bool
) -> None:
    cookies = {"block_third_party_cookies": are_blocked, "cookie_controls_mode": int(are_blocked)}
    put(tmp_path, "profile/Default/Preferences", json.dumps({"profile": cookies}).encode())
    cdn = Shop(folder=tmp_path)
    with serve_application(cdn) as origin, profile(browser, tmp_path / "profile") as visit:
        shop = Shop(folder=tmp_path, origin=origin)
        with serve_application(shop) as url:
            site = url.replace("127.0.0.1", "localhost")
            for number in (1, 2):
                shop.release({"classic.js": FILES["classic.js"](number)}, page_of_two_hosts)
                cdn.releases = shop.releases
                loaded = load(visit, cdn, f"{site}/{number}", {"classic": number})
                # The site's own file, which the page loads after that of the other host, is kept in any case.
                for host in [cdn] if are_blocked else [cdn, shop]:
                    wait_for_dictionaries(visit, host, ["classic.js"])
    assert [each.coding for each in shop.log if each.path == shop.releases[1].paths["classic.js"]] == ["dcz"]
    assert set(loaded.codings().values()) == {"br" if are_blocked else "dcz"}


def page_of_two_hosts(shop: Shop) -> str:
    """Write a page that loads a script from another host, and then the same file from its own."""
    own = urlsplit(shop.url("classic.js")).path
    element = f"<script crossorigin src=URL SRI onload=\"fetch('{own}')\"></script>"
    return PAGE + "<body><table></table>" + shop.tag(element, "classic.js")


# A service worker

SERVICE_WORKER = """
addEventListener("install", () => skipWaiting());
addEventListener("activate", event => event.waitUntil(clients.claim()));
addEventListener("fetch", event => {
  if (event.request.url.includes("/static/") && !event.request.url.includes("ready."))
    event.respondWith(fromCache(event.request));
});
async function fromCache(request) {
  const cache = await caches.open("files"), known = await cache.match(request);
  if (known) return known;
  const response = await fetch(request);
  await cache.put(request, response.clone());
  return response;
}
"""


def page_with_service_worker(shop: Shop) -> str:
    return page_of_every_kind(shop) + "<script>navigator.serviceWorker.register('/worker.js')</script>"


def test_a_service_worker_loads_deltas_and_keeps_what_they_decode_to(
    browser: Browser, tmp_path: Path
) -> None:
    shop = Shop(folder=tmp_path, pages={"/worker.js": SERVICE_WORKER})
    with serve_application(shop) as url, visitor(browser) as visit:
        for number in (1, 2):
            shop.release({name: FILES[name](number) for name in FILES}, page_with_service_worker)
            shown = {kind_of(name): number for name in FILES}
            loaded = load(visit, shop, f"{url}/{number}", shown)
            visit.wait("navigator.serviceWorker.controller !== null")
            wait_for_dictionaries(visit, shop, FILES)
        assert_deltas(loaded, shop, 1)
        assert load(visit, shop, f"{url}/2", shown).requests == []


# Real packages

DIGESTS = """async urls => {
  const digests = {};
  for (const [name, url] of Object.entries(urls)) {
    const content = await (await fetch(url)).arrayBuffer();
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
    digests[name] = btoa(String.fromCharCode(...digest));
  }
  return digests;
}"""


def test_chromium_decodes_the_deltas_between_two_releases_of_each_of_real_packages(
    browser: Browser, tmp_path: Path
) -> None:
    names = {f"{package.name} {package.old}/{Path(package.path).name}": package for package in PACKAGES}
    shop = Shop(folder=tmp_path, cache=str(VARIANTS))
    with serve_application(shop) as url, visitor(browser) as visit:
        for version in ("old", "new"):
            files = {name: file_of(package, version) for name, package in names.items()}
            shop.release(files, lambda shop: PAGE)
            visit.page.goto(f"{url}/{len(shop.releases)}")
            shop.log.clear()
            digests = visit.page.evaluate(DIGESTS, {name: shop.url(name) for name in names})
            assert digests == {name: digest_of([content]) for name, content in files.items()}
            wait_for_dictionaries(visit, shop, names)
        assert {each.coding for each in shop.log} == {"dcz"}
        for each in shop.log:
            record = shop.releases[-1].record(each.path)
            assert record is not None
            print(f"deltas in Chromium: {each.path}: {each.length:,}, with brotli {record.variants['br']:,}")
        assert len(shop.log) == len(names)
        assert visit.problems == []


def file_of(package: Package, version: str) -> bytes:
    """Return a file of a package in its old or new version; skip or fail the test if it is not available."""
    number = package.old if version == "old" else package.new
    return (real_tree(f"{package.name}@{number}") / package.path).read_bytes()


# A profile on disk


def test_a_browser_that_starts_again_still_has_its_dictionaries(browser: Browser, tmp_path: Path) -> None:
    shop = Shop(folder=tmp_path)
    shown = {kind_of(name): 0 for name in FILES}
    with serve_application(shop) as url:
        for number in (1, 2):
            shop.release({name: FILES[name](number) for name in FILES}, page_of_every_kind)
            shown = dict.fromkeys(shown, number)
            with profile(browser, tmp_path / "profile") as visit:
                loaded = load(visit, shop, f"{url}/{number}", shown)
                if number == 1:
                    assert_whole(loaded, shop)
                else:
                    assert_deltas(loaded, shop, number - 1)
                wait_for_dictionaries(visit, shop, FILES)


@contextmanager
def profile(browser: Browser, folder: Path) -> Iterator[Visit]:
    """Run another Chromium, with a profile in a folder."""
    with (
        browser.browser_type.launch_persistent_context(
            folder, executable_path=require_tool("chromium"), args=list(ARGUMENTS), timeout=PATIENCE
        ) as context,
        Visit.within(context, "about:blank") as visit,
    ):
        yield visit
