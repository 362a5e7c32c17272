"""The claims of an article about cache busting in Django 1.8, one after the other, with real servers.

The article describes two storages, the names in debug mode, old files, far-future expiry, nginx, memcached,
CDNs, and a template tag that changes URLs. Each has a section here, with a quotation.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import pytest

from hashserve import Manifest
from hashserve.http.codings import CODINGS
from tests.support.browser import Visit
from tests.support.example_project import PREFIX, Project, Reply, Server, fetch, static_urls
from tests.support.proxies import NginxCache, NginxFiles, Proxy, Varnish
from tests.support.services import Memcached, Redis, Service, free_port, running
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

YEAR = 31_536_000
IMMUTABLE = f"public, max-age={YEAR}, immutable"
SHEET = "shop/css/shop.css"


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project in production, collected once. No test changes it."""
    project = Project.copied_to(tmp_path_factory.mktemp("collected"))
    project.prepare()
    return project


@pytest.fixture(scope="module")
def server(collected: Project) -> Iterator[Server]:
    with collected.gunicorn() as server:
        yield server


@pytest.fixture
def project(collected: Project, tmp_path: Path) -> Project:
    """A project in production with a first release, which a test can change."""
    return collected.copied_with_all(tmp_path)


def files_of(root: Path) -> dict[str, bytes]:
    """Return the content of every file in a folder's manifest, by URL path."""
    files = Manifest.load(root / "staticfiles.json").files
    return {PREFIX + path: (root / path).read_bytes() for path in files}


# ManifestStaticFilesStorage: "the file css/styles.css would also be saved as css/styles.55e7cbb9ba48.css"

STORAGES = """
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from hashserve.django import storage

class Theirs(ManifestStaticFilesStorage):
    support_js_module_import_aggregation = True

class Plain(storage.ManifestStaticFilesStorage):
    support_js_module_import_aggregation = False
"""
DJANGOS = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
OURS = "hashserve.django.storage.ManifestStaticFilesStorage"


def collected_by(project: Project, name: str, backend: str) -> dict[str, object]:
    """Collect with another storage into the folder ``name``, and return the manifest in Django's format."""
    settings = f'from teahouse.settings import *\nSTORAGES["staticfiles"] = {{"BACKEND": {backend!r}}}\n'
    (project.folder / f"{name}.py").write_text(settings, encoding="utf-8")
    root = project.folder.parent / name
    project.having(DJANGO_SETTINGS_MODULE=name, STATIC_ROOT=str(root)).collect()
    document = json.loads((root / "staticfiles.json").read_text(encoding="utf-8"))
    return {name: document[name] for name in ("paths", "version", "hash")}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        pytest.param("more_storages.Theirs", OURS, id="references between modules are rewritten"),
        pytest.param(DJANGOS, "more_storages.Plain", id="modules are not changed"),
    ],
)
def test_names_bytes_and_manifest_are_those_of_django(tmp_path: Path, theirs: str, ours: str) -> None:
    project = Project.copied_to(tmp_path)
    (project.folder / "more_storages.py").write_text(STORAGES, encoding="utf-8")
    expected = collected_by(project, "theirs", theirs)
    assert collected_by(project, "ours", ours) == expected
    paths = expected["paths"]
    assert isinstance(paths, dict)
    assert len(paths) > 140
    for path in paths.values():
        assert (tmp_path / "ours" / path).read_bytes() == (tmp_path / "theirs" / path).read_bytes()


def test_a_file_is_also_saved_under_a_name_with_its_digest(collected: Project) -> None:
    path = collected.manifest().paths["shop/images/terraces.svg"]
    assert re.fullmatch(r"shop/images/terraces\.[0-9a-f]{12}\.svg", path)
    original = collected.source("shop/images/terraces.svg").read_bytes()
    assert (collected.static_root / path).read_bytes() == original
    assert (collected.static_root / "shop/images/terraces.svg").read_bytes() == original


# CachedStaticFilesStorage: "situations in which you don't have access to the file system"

CACHES: dict[str, Callable[[], Service]] = {"redis": Redis, "memcached": Memcached}


@contextmanager
def cache_server(kind: str) -> Iterator[str]:
    """Run a cache, and yield its URL for the project."""
    with running(CACHES[kind]()) as service:
        yield f"{kind}://{service.address}"


@pytest.fixture(params=CACHES)
def cached(request: pytest.FixtureRequest, project: Project) -> Iterator[Project]:
    """A project with its names in a cache instead of a folder."""
    with cache_server(request.param) as url:
        cached = project.having(STATICFILES="Cached", CACHE_URL=url)
        cached.collect()
        yield cached


def test_a_process_without_static_root_renders_names_from_the_cache(cached: Project, tmp_path: Path) -> None:
    with cached.having(STATIC_ROOT=str(tmp_path / "nowhere")).gunicorn() as server:
        urls = static_urls(server.page("/de/"))
    names = cached.manifest().paths
    assert {cached.url(path) for path in (SHEET, "shop/js/shop.js", "shop/images/leaf.svg")} <= urls
    assert {url.removeprefix(PREFIX) for url in urls} <= {*names.values()}
    assert not (tmp_path / "nowhere").exists()


def test_a_process_without_static_root_renders_the_next_release_without_a_restart(
    cached: Project, tmp_path: Path
) -> None:
    with cached.having(STATIC_ROOT=str(tmp_path / "nowhere")).gunicorn() as server:
        workers, before = server.workers(), cached.url(SHEET)
        assert before in server.page()
        cached.append(SHEET, "main { color: #123 }")
        cached.collect()
        assert cached.url(SHEET) != before
        wait_until(lambda: all(cached.url(SHEET) in server.page() for _ in range(8)))
        assert server.workers() == workers


# "The file names are only changed when DEBUG=False as it would be in production"


def test_names_are_fingerprinted_only_without_debug(collected: Project, server: Server) -> None:
    in_production = static_urls(server.page())
    with collected.having(DEBUG="1").gunicorn() as debugging:
        in_development = static_urls(debugging.page())
    names = collected.manifest().paths
    assert {f"{PREFIX}{names[url.removeprefix(PREFIX)]}" for url in in_development} == in_production
    assert len(in_production) >= 8
    assert not in_production & in_development


# "The purpose of this storage is to keep serving the old files in case some pages still refer to
# those files, e.g. because they are cached by you or a 3rd party proxy server"

ProxyMaker = Callable[[Path, str], Proxy]
PROXIES: dict[str, ProxyMaker] = {
    "nginx": NginxCache,
    "varnish": Varnish,
    "varnish passing codings on": partial(Varnish, options=("-p", "http_gzip_support=off")),
}


@pytest.fixture(params=PROXIES)
def make_proxy(request: pytest.FixtureRequest) -> ProxyMaker:
    """A function that returns a caching proxy for a folder and an origin."""
    return PROXIES[request.param]


def test_the_old_file_of_an_old_page_is_served_unchanged(project: Project) -> None:
    old, content = project.url(SHEET), files_of(project.static_root)
    with project.gunicorn() as server:
        page = server.page()
        project.append("shop/css/cards.css", ".tea { color: #123 }")
        project.collect()
        server.reload()
        assert old not in server.page("/de/")
        for url in static_urls(page):
            reply = server.get(url)
            assert (reply.status, reply["Cache-Control"], reply.body) == (200, IMMUTABLE, content[url])


def test_a_page_in_a_proxy_cache_gets_its_old_files(
    project: Project, make_proxy: ProxyMaker, tmp_path: Path
) -> None:
    content = files_of(project.static_root)
    with project.gunicorn() as server, running(make_proxy(tmp_path / "proxy", server.address)) as proxy:
        page = fetch(f"{proxy.url}/en/").text
        project.append("shop/css/cards.css", ".tea { color: #123 }")
        project.collect()
        server.reload()
        again = fetch(f"{proxy.url}/en/")
        assert (again["X-Cache-Status"], again.text) == ("HIT", page)
        for url in static_urls(page):  # the proxy has none of them yet
            reply = fetch(proxy.url + url)
            assert (reply.status, reply["Cache-Control"], reply.body) == (200, IMMUTABLE, content[url])
            assert fetch(proxy.url + url)["X-Cache-Status"] == "HIT"


# "far future Expires headers"


def test_a_file_can_be_cached_for_a_year(collected: Project, server: Server) -> None:
    reply = server.get(collected.url(SHEET))
    assert reply["Cache-Control"] == IMMUTABLE
    assert "Expires" not in reply.fields


def test_the_expires_field_can_be_added(collected: Project) -> None:
    with collected.having(EXPIRES="1").gunicorn() as server:
        replies = [
            server.get(collected.url(SHEET)),
            server.get(collected.url(SHEET)),
            server.get(PREFIX + SHEET),
        ]
    lives = [seconds_until_expiry(reply) for reply in replies]
    # Date and Expires can differ by a second, because the server and hashserve read the clock.
    assert [round(life / 60) for life in lives] == [YEAR // 60, YEAR // 60, 1]


def seconds_until_expiry(reply: Reply) -> float:
    return (parsedate_to_datetime(reply["Expires"]) - parsedate_to_datetime(reply["Date"])).total_seconds()


# nginx: "the new file immediately takes over, as long as I've python manage.py collectstatic'ed"; "deleted
# my static folder (nginx still running)"; "no static loaded"; "collectstatic"; "statics loaded"; "no browser
# hard refresh was used, no nginx reload|restart whatever"


@contextmanager
def nginx(project: Project) -> Iterator[str]:
    """Serve the collected folder with the article's nginx configuration, and yield the URL."""
    with running(NginxFiles(project.folder.parent / "nginx", project.static_root)) as proxy:
        yield proxy.url


@contextmanager
def ours(project: Project) -> Iterator[str]:
    """Serve it with gunicorn and the middleware, and check that no worker was replaced."""
    with project.gunicorn() as server:
        workers = server.workers()
        yield server.url
        assert server.workers() == workers


STATIC_SERVERS = {"nginx": nginx, "gunicorn": ours}


@pytest.mark.parametrize("serve", STATIC_SERVERS.values(), ids=STATIC_SERVERS)
def test_collected_and_deleted_files_take_effect_at_once(
    project: Project, serve: Callable[[Project], Iterator[str]]
) -> None:
    with serve(project) as url:  # type: ignore[attr-defined]  # a context manager
        sheet = url + PREFIX + SHEET
        first = fetch(sheet)
        assert first.body == (project.static_root / SHEET).read_bytes()
        project.append(SHEET, "main { color: #123 }")
        project.collect()
        # A browser sends this field when it reloads a page.
        second = fetch(sheet, If_None_Match=first["ETag"])
        assert (second.status, second.body) == (200, (project.static_root / SHEET).read_bytes())
        assert second.body != first.body
        assert second.body.endswith(b"main { color: #123 }")

        shutil.rmtree(project.static_root)
        assert fetch(sheet).status == 404
        project.collect()
        third = fetch(sheet, If_None_Match=first["ETag"])
        assert (third.status, third.body) == (200, second.body)


def test_a_page_has_no_static_files_while_their_folder_is_missing(project: Project) -> None:
    with project.gunicorn() as server:
        workers, urls = server.workers(), static_urls(server.page())
        content = {url: server.get(url).body for url in urls}
        shutil.rmtree(project.static_root)
        wait_until(lambda: {server.get(url).status for url in urls} == {404})
        project.collect()
        wait_until(lambda: all(server.get(url).status == 200 for url in urls))
        assert {url: server.get(url).body for url in urls} == content
        assert static_urls(server.page()) == urls
        assert server.workers() == workers


def test_an_ordinary_reload_shows_collected_changes(browser: Browser, project: Project) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    with project.gunicorn() as server, Visit.to(browser, f"{server.url}/en/") as visit:
        before = visit.page.evaluate(background)
        visit.page.wait_for_load_state("networkidle")
        project.append("shop/css/cards.css", "body { background: rgb(1, 2, 3) !important }")
        project.collect()
        server.reload()
        visit.page.reload()
        assert (before, visit.page.evaluate(background)) == ("rgb(246, 243, 234)", "rgb(1, 2, 3)")
        visit.page.wait_for_load_state("networkidle")
    assert visit.problems == []


# "memcached was caching my page with every content in it for up to 10 minutes"


@pytest.fixture
def memcached_pages(project: Project) -> Iterator[Project]:
    """A project with pages in memcached for ten minutes."""
    with cache_server("memcached") as url:
        yield project.having(CACHE_URL=url)


def eventually(get: Callable[[], str], holds: Callable[[str], bool]) -> str:
    """Get a page again and again until the condition holds, and return that page."""
    for _ in range(1000):
        page = get()
        if holds(page):
            return page
        time.sleep(0.05)
    raise AssertionError("the condition never holds")


def rename_a_tea(project: Project, name: str) -> None:
    """Change the content of a page, but not the page cache."""
    code = f"from shop.models import Tea; Tea.objects.filter(slug='iron-orchid').update(name={name!r})"
    project.manage("shell", "-c", code)


def test_a_deploy_takes_effect_at_once_although_memcached_keeps_pages(
    memcached_pages: Project,
) -> None:
    project = memcached_pages.having(STATICFILES="Cached")
    project.collect()
    with project.gunicorn() as server:
        workers, old = server.workers(), project.url(SHEET)
        page = server.page()
        rename_a_tea(project, "Steel Orchid")
        assert server.page() == page  # from the cache
        content = server.get(old).body
        project.append(SHEET, "main { color: #123 }")
        project.collect()
        # Each worker looks for a new release every few seconds.
        renewed = eventually(server.page, lambda page: project.url(SHEET) in page)
        assert "Steel Orchid" in renewed
        assert old not in renewed
        assert server.get(old).body == content  # for clients with the old page
        assert server.workers() == workers


def test_a_deploy_that_restarts_the_workers_takes_effect_at_once(memcached_pages: Project) -> None:
    project = memcached_pages
    with project.gunicorn() as server:
        page = server.page()
        rename_a_tea(project, "Steel Orchid")
        assert server.page() == page
        project.append(SHEET, "main { color: #123 }")
        project.collect()
        server.reload()
        assert project.url(SHEET) in server.page()
        assert "Steel Orchid" in server.page()


def test_a_page_cache_without_releases_is_stale_but_its_pages_work(
    memcached_pages: Project,
) -> None:
    project = memcached_pages.having(DJANGO_SETTINGS_MODULE="one_prefix")
    settings = 'from teahouse.settings import *\nCACHE_MIDDLEWARE_KEY_PREFIX = "one"\n'
    (project.folder / "one_prefix.py").write_text(settings, encoding="utf-8")
    content = files_of(project.static_root)
    with project.gunicorn() as server:
        page = server.page()
        project.append(SHEET, "main { color: #123 }")
        project.collect()
        server.reload()
        assert server.page() == page
        assert project.url(SHEET) not in page
        assert {url: server.get(url).body for url in static_urls(page)} == {
            url: content[url] for url in static_urls(page)
        }


# "If you use a CDN, cache busting becomes more complex"

ACCEPTED = ["br", "gzip", "identity", "gzip, deflate, br, zstd", "gzip, deflate"]
PAGES = ["/en/", "/de/", "/en/tea/iron-orchid/", "/de/tea/silver-down/"]


@dataclass(frozen=True, kw_only=True)
class FileResponse:
    """A request for a static file, and its decoded response."""

    path: str
    accepted: str
    status: int
    coding: str
    control: str
    digest: str


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page: its release, and all files to which it refers directly or through other files."""

    since: int
    named: frozenset[str]


@dataclass(kw_only=True)
class Clients:
    """Clients that request pages and the files of new and old pages from a proxy.

    A proxy keeps a page for ten minutes. To get new pages too, the clients use another query for each
    release.
    """

    url: str
    release: int = 0
    seen: Counter[FileResponse] = field(default_factory=Counter)
    pages: set[Page] = field(default_factory=set)
    states: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, release: int) -> None:
        """Request every page of a release, so that the proxy keeps it, and let the clients request it."""
        for page in PAGES:
            self._get(f"{page}?since={release}", "identity")
        self.release = release

    @contextmanager
    def loading_pages(self) -> Iterator[None]:
        """Run three clients inside the context; their errors are kept in ``problems``."""
        threads = [
            threading.Thread(target=self._load_until_over, args=[random.Random(seed)]) for seed in range(3)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.is_over.set()
            for thread in threads:
                thread.join()

    def wait_for_pages(self, count: int) -> None:
        """Wait for a number of further pages with all their files."""
        enough = self.states["page"] + count
        wait_until(lambda: self.problems or self.states["page"] >= enough)
        assert self.problems == []

    def summary(self) -> str:
        """Count the responses: all, by the proxy's status, and by content coding."""
        codings = Counter[str]()
        for seen, count in self.seen.items():
            codings[seen.coding] += count
        return f"{sum(codings.values())} answers; {dict(self.states)}; {dict(codings)}"

    def _load_until_over(self, choice: random.Random) -> None:
        try:
            while not self.is_over.is_set():
                self._load_page(choice)
        except Exception as error:  # noqa: BLE001  # the test reports it
            self.problems.append(repr(error))

    def _load_page(self, choice: random.Random) -> None:
        since = choice.randint(0, self.release)
        page = self._get(f"{choice.choice(PAGES)}?since={since}", "identity").decode()
        seen = Page(since=since, named=frozenset(self._named(page)))
        with self.lock:
            self.pages.add(seen)
            old = choice.choice([*self.pages])
            self.states["page"] += 1
        for url in {*seen.named, *old.named, PREFIX + SHEET}:
            self._get(url, choice.choice(ACCEPTED))

    def _named(self, page: str) -> set[str]:
        urls = static_urls(page)
        waiting = [*urls]
        while waiting:
            url = waiting.pop()
            if url.endswith((".css", ".js")):
                found = {resolved(url, name) for name in references(self._get(url, "br").decode())} - urls
                urls |= found
                waiting += found
        return urls

    def _get(self, path: str, accepted: str) -> bytes:
        reply = fetch(self.url + path, Accept_Encoding=accepted)
        coding = reply.fields["Content-Encoding"] or "identity"
        body = reply.body if coding == "identity" else b"".join(CODINGS[coding].decode([reply.body]))
        digest = sha256(body).hexdigest()
        seen = FileResponse(
            path=path,
            accepted=accepted,
            status=reply.status,
            coding=coding,
            control=reply["Cache-Control"],
            digest=digest,
        )
        with self.lock:
            self.seen[seen] += 1
            self.states[reply["X-Cache-Status"]] += 1
        return body


def references(text: str) -> set[str]:
    """Return the fingerprinted references of a style sheet or a module."""
    return set(re.findall(r'["(\s]([\w./-]+\.[0-9a-f]{12}\.\w+)["\')]', text))


def resolved(url: str, reference: str) -> str:
    """Return the path of a relative reference in the file at ``url``."""
    return urlsplit(urljoin(f"http://host{url}", reference)).path


class CollectedFiles:
    """The collected files: the digests of all contents of each URL, and the URLs of each release."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.digests: dict[str, set[str]] = {}
        self.releases: list[set[str]] = []

    def add_release(self) -> None:
        """Read the files of the last collection."""
        root = self.project.static_root
        self.releases.append({PREFIX + path for path in self.project.manifest().paths.values()})
        contents = {**files_of(root), PREFIX + SHEET: (root / SHEET).read_bytes()}
        for url, content in contents.items():
            self.digests.setdefault(url, set()).add(sha256(content).hexdigest())


def change(project: Project, number: int) -> None:
    """Change style sheets, modules and pictures at every depth of references."""
    for path in ("shop/css/cards.css", SHEET):
        project.append(path, f".release-{number} {{ --release: {number}; }}\n")
    for path in ("shop/js/store.js", "shop/js/timer.js"):
        project.append(path, f"// {number}\n")
    for path in ("shop/images/leaf.svg", "shop/images/tin-green.svg", "shop/images/tin-oolong.svg"):
        project.append(path, f"<!-- {number} -->\n")


def test_a_caching_proxy_sends_no_stale_or_mixed_file_over_three_releases(
    project: Project, make_proxy: ProxyMaker, tmp_path: Path
) -> None:
    collected_files = CollectedFiles(project)
    collected_files.add_release()
    with project.gunicorn() as server, running(make_proxy(tmp_path / "proxy", server.address)) as proxy:
        clients = Clients(url=proxy.url)
        clients.start(0)
        with clients.loading_pages():
            clients.wait_for_pages(10)
            for number in (1, 2):
                change(project, number)
                project.collect()
                collected_files.add_release()
                server.reload()
                clients.start(number)
                clients.wait_for_pages(20)
    assert clients.problems == []
    assert_every_file_is_correct(clients, collected_files)
    assert_every_page_is_of_one_release(clients, collected_files)
    assert clients.states["HIT"] > 100
    print(clients.summary())


def assert_every_file_is_correct(clients: Clients, collected_files: CollectedFiles) -> None:
    assert {seen.status for seen in clients.seen} == {200}
    files = [seen for seen in clients.seen if seen.path.startswith(PREFIX)]
    assert [seen for seen in files if seen.digest not in collected_files.digests[seen.path]] == []
    assert [seen for seen in files if seen.coding not in {"identity", *seen.accepted.split(", ")}] == []
    assert {seen.control for seen in files if seen.path != PREFIX + SHEET} == {IMMUTABLE}
    changing = {url for url, digests in collected_files.digests.items() if len(digests) > 1}
    assert changing == {PREFIX + SHEET}


def assert_every_page_is_of_one_release(clients: Clients, collected_files: CollectedFiles) -> None:
    for page in clients.pages:
        assert page.named <= collected_files.releases[page.since]
        others = [
            release
            for release in collected_files.releases
            if release is not collected_files.releases[page.since]
        ]
        assert not any(page.named <= release for release in others)
    assert {page.since for page in clients.pages} == {0, 1, 2}


@pytest.mark.parametrize("make", [NginxCache, Varnish])
def test_pages_can_refer_to_files_on_a_cdn_of_another_origin(
    browser: Browser, collected: Project, make: type[NginxCache | Varnish], tmp_path: Path
) -> None:
    port = free_port()
    with collected.having(STATIC_URL=f"http://127.0.0.1:{port}/static/").gunicorn() as server:
        cdn = make(tmp_path / "proxy", server.address)
        cdn.port = port
        with running(cdn), Visit.to(browser, f"{server.url}/de/tea/iron-orchid/") as visit:
            visit.wait("document.documentElement.dataset.ready === '' && document.fonts.status === 'loaded'")
            visit.page.click("[data-steep]")
            visit.page.wait_for_selector("#timer progress")
            visit.page.wait_for_load_state("networkidle")
    visit.assert_clean(collected.manifest().files)
    origins = {urlsplit(response.url).netloc for response in visit.loaded if "/static/" in response.url}
    assert origins == {cdn.address}


# "just create a simple tag that does the trick": ?cache_bust={% cache_bust %}


def test_the_template_tag_of_the_page_changes_a_url_over_time(server: Server) -> None:
    def url() -> str:
        found = re.search(
            r'<img src="(/captcha/\?cache_bust=\w+)" class="captcha"', server.page("/en/visit/")
        )
        assert found is not None
        return found[1]

    first = url()
    assert server.get(first)["Content-Type"] == "image/svg+xml"
    wait_until(lambda: url() != first)
