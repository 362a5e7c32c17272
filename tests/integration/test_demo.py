"""The example site, started as its readers start it, over HTTP and in a real browser."""

from __future__ import annotations

import functools
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import brotli
import pytest

from hashserve import Manifest
from tests.docs.test_readme import blocks
from tests.support.browser import ARGUMENTS
from tests.support.parts import require_tool

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

pytestmark = pytest.mark.real

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 120.0
"""The longest time, in seconds, until a server has built and listens."""

IS_COMPLETE = "html[data-costs][data-checks][data-lookup]"


# The server


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A response as received: nothing is decoded, and no redirect is followed."""

    status: int
    fields: http.client.HTTPMessage
    body: bytes

    def __getitem__(self, name: str) -> str:
        value = self.fields[name]
        assert value is not None, f"{name} is not in {self.fields}"
        return str(value)


@dataclass(frozen=True, kw_only=True)
class Demo:
    """A running example: its URL, its process, and the lines that it has printed."""

    url: str
    process: subprocess.Popen[str]
    lines: list[str]

    def get(self, path: str, method: str = "GET", **fields: str) -> Reply:
        """Send one request; ``fields`` are header fields, with underscores for hyphens."""
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port or 0, timeout=PATIENCE)
        try:
            headers = {name.replace("_", "-"): value for name, value in fields.items()}
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return Reply(status=response.status, fields=response.headers, body=response.read())
        finally:
            connection.close()

    def asset(self, name: str) -> str:
        """Return the fingerprinted URL path of an asset that the page names."""
        stem, extension = map(re.escape, os.path.splitext(name))
        page = self.get("/").body.decode()
        match = re.search(rf'"(/static/{stem}\.[0-9a-f]{{12}}{extension})"', page)
        assert match is not None, f"{name} is not on the page"
        return match[1]

    def release(self) -> dict[str, Any]:
        """Build the next release, and return what it changed."""
        reply = self.get("/release", "POST")
        assert reply.status == 200, reply.body
        made: dict[str, Any] = json.loads(reply.body)
        return made


def environment(folder: Path) -> dict[str, str]:
    """Return the environment of a server that builds into ``folder``."""
    inherited = {name: value for name, value in os.environ.items() if name != "PORT"}
    return {**inherited, "HASHSERVE_DEMO_DIR": str(folder), "PYTHONWARNINGS": "error"}


@contextmanager
def running(command: list[str], folder: Path, printed: str = r"(http://\S+/)") -> Iterator[Demo]:
    """Start a server, wait for the URL that it prints, and stop it at the end."""
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    fresh: Queue[str | None] = Queue()
    lines: list[str] = []

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            fresh.put(line)
        fresh.put(None)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield Demo(url=_printed_url(fresh, lines, printed), process=process, lines=lines)
    finally:
        process.terminate()
        process.wait(30)
        reader.join()
        process.stdout.close()


def _printed_url(fresh: Queue[str | None], lines: list[str], printed: str) -> str:
    while True:
        try:
            line = fresh.get(timeout=PATIENCE)
        except Empty:
            line = None
        if line is None:
            pytest.fail(f"the example printed no URL: {''.join(lines)}")
        if match := re.search(printed, line):
            return match[1].rstrip("/")


def example(*arguments: str) -> list[str]:
    """Return the command that starts the example."""
    return [sys.executable, "example_wsgi.py", *arguments]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "built"


@pytest.fixture(scope="module")
def demo(folder: Path) -> Iterator[Demo]:
    with running(example("--port", "0"), folder) as started:
        yield started


# Over HTTP


def test_the_page_is_always_revalidated_and_allows_nothing_inline(demo: Demo) -> None:
    reply = demo.get("/")
    assert reply.status == 200
    assert reply["Cache-Control"] == "no-cache"
    assert reply["Content-Security-Policy"].startswith("default-src 'self';")
    page = reply.body.decode()
    assert "{{" not in page
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script>", page)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


def test_every_script_and_style_of_the_page_has_an_integrity(demo: Demo) -> None:
    page = demo.get("/").body.decode()
    tags = re.findall(r'<(?:script|link rel="(?:stylesheet|modulepreload)")[^>]*>', page)
    assert len(tags) >= 7
    assert all(re.search(r'integrity="sha256-[\w+/]{43}="', tag) for tag in tags)


def test_the_page_uses_web_fonts_of_a_package(demo: Demo) -> None:
    assert demo.get(demo.asset("unfold/fonts/inter/Inter-Regular.woff2")).body.startswith(b"wOF2")


def test_a_fingerprinted_asset_is_immutable_and_sent_in_brotli(demo: Demo) -> None:
    reply = demo.get(demo.asset("admin/js/vendor/jquery/jquery.min.js"), Accept_Encoding="gzip, br")
    assert reply.status == 200
    assert reply["Cache-Control"] == "public, max-age=31536000, immutable"
    assert reply["Content-Encoding"] == "br"
    assert len(reply.body) == int(reply["Content-Length"]) < 40_000
    assert b"jQuery" in brotli.decompress(reply.body)


def test_an_asset_has_a_strong_etag_that_gets_304(demo: Demo) -> None:
    path = demo.asset("site/site.css")
    etag = demo.get(path, Accept_Encoding="br")["ETag"]
    assert re.fullmatch(r'"[^"]+"', etag)
    reply = demo.get(path, Accept_Encoding="br", If_None_Match=etag)
    assert (reply.status, reply.body, reply["ETag"]) == (304, b"", etag)


def test_one_byte_of_an_asset_is_206(demo: Demo) -> None:
    path = demo.asset("site/site.css")
    whole = demo.get(path).body
    reply = demo.get(path, Range="bytes=0-0")
    assert (reply.status, reply.body) == (206, whole[:1])
    assert reply["Content-Range"] == f"bytes 0-0/{len(whole)}"


def test_an_unknown_fingerprint_is_404_with_no_store(demo: Demo) -> None:
    reply = demo.get("/static/site/site.000000000000.css")
    assert (reply.status, reply["Cache-Control"]) == (404, "no-store")


def test_an_unhashed_name_is_cached_for_a_minute(demo: Demo) -> None:
    reply = demo.get("/static/site/site.css")
    assert (reply.status, reply["Cache-Control"]) == (200, "public, max-age=60")


def test_the_styles_refer_to_the_fingerprinted_pictures_of_another_package(demo: Demo) -> None:
    styles = demo.get(demo.asset("site/site.css")).body.decode()
    assert re.search(r'url\("\.\./admin/img/icon-yes\.[0-9a-f]{12}\.svg"\)', styles)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nowhere", 404), ("POST", "/", 405)])
def test_the_application_answers_requests_that_are_not_static(
    demo: Demo, method: str, path: str, status: int
) -> None:
    assert demo.get(path, method).status == status


def test_head_of_the_page_has_no_body(demo: Demo) -> None:
    reply = demo.get("/", "HEAD")
    assert (reply.status, reply.body) == (200, b"")
    assert int(reply["Content-Length"]) == len(demo.get("/").body)


# Releases


CHANGED = ["site/release.js", "site/site.css"]


def sources() -> dict[str, bytes]:
    """Return the content of each file that the checkout has for the example."""
    return {str(path): path.read_bytes() for path in (REPOSITORY / "example").rglob("*") if path.is_file()}


def test_a_release_is_served_without_a_restart_and_changes_nothing_in_the_checkout(demo: Demo) -> None:
    before, old = sources(), demo.asset("site/site.css")
    made = demo.release()
    assert [file["path"] for file in made["files"]] == CHANGED
    new = f"/static/{made['files'][1]['fingerprinted']}"
    assert {demo.get(path)["Cache-Control"] for path in (new, old)} == {"public, max-age=31536000, immutable"}
    assert demo.asset("site/site.css") == new != old
    assert sources() == before


def test_two_releases_at_once_are_built_one_after_the_other(demo: Demo) -> None:
    first = demo.release()["release"]
    made = [json.loads(reply.body) for reply in parallel(lambda: demo.get("/release", "POST"), times=2)]
    assert sorted(each["release"] for each in made) == [first + 1, first + 2]
    assert len({file["fingerprinted"] for each in made for file in each["files"]}) == 4


def test_a_site_that_is_asked_for_many_releases_at_once_still_serves_its_page(demo: Demo) -> None:
    replies = parallel(lambda: demo.get("/release", "POST"), times=12)
    assert {reply.status for reply in replies} == {200, 503}
    assert all("again" in json.loads(reply.body)["error"] for reply in replies if reply.status == 503)
    assert demo.get("/").status == 200


def test_a_release_that_cannot_be_built_says_why_and_the_next_one_can(demo: Demo, folder: Path) -> None:
    before = demo.asset("site/site.css")
    with unbuildable(folder):
        reply = demo.get("/release", "POST")
    assert reply.status == 500
    assert TOO_LONG in json.loads(reply.body)["error"]
    assert demo.asset("site/site.css") == before
    assert demo.release()["files"]


TOO_LONG = "x" * 240 + ".txt"


@contextmanager
def unbuildable(folder: Path) -> Iterator[None]:
    """Add a file to the sources whose name has no room for a fingerprint."""
    added = folder / "changed" / TOO_LONG
    added.write_bytes(b"")
    try:
        yield
    finally:
        added.unlink()


@pytest.mark.parametrize(
    "fields",
    [{"Origin": "https://elsewhere.example"}, {"Sec_Fetch_Site": "cross-site"}],
    ids=lambda fields: next(iter(fields)),
)
def test_another_site_cannot_make_a_release(demo: Demo, fields: dict[str, str]) -> None:
    assert demo.get("/release", "POST", **fields).status == 403


def test_only_a_browser_on_this_machine_may_make_a_release(demo: Demo, folder: Path) -> None:
    here, elsewhere = ("127.0.0.1", "::1", "::ffff:127.0.0.1"), ("192.0.2.1", "::ffff:192.0.2.1", "")
    environs = [
        {"REMOTE_ADDR": address, "HTTP_HOST": "127.0.0.1", "wsgi.url_scheme": "http"}
        for address in (*here, *elsewhere)
    ]
    script = f"import example_wsgi\nfor each in {environs!r}: print(example_wsgi.why_not_allowed(each))"
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        env=environment(folder),
        capture_output=True,
        text=True,
        check=True,
    )
    reason = "Only a browser on the machine that serves this page may build a release."
    assert ended.stdout.splitlines() == [*["None"] * len(here), *[reason] * len(elsewhere)]


def test_a_release_is_made_by_a_post_only(demo: Demo) -> None:
    reply = demo.get("/release")
    assert (reply.status, reply["Allow"]) == (405, "POST")


# In a browser


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context()
    yield made
    made.close()


@dataclass(frozen=True)
class Visit:
    """A page that has loaded, and its errors."""

    page: Page
    problems: list[str]

    def rows(self) -> dict[str, dict[str, str]]:
        """Return the table's values for each asset, by URL path."""
        found: list[dict[str, str]] = self.page.evaluate(
            "[...document.querySelectorAll('#rows tr')].map(row => ({...row.dataset}))"
        )
        return {urlsplit(row["url"]).path: row for row in found}

    def loaded(self) -> set[str]:
        """Return the URL path of every asset that the browser loaded for the page."""
        urls: list[str] = self.page.evaluate(
            "performance.getEntriesByType('resource').filter(entry => entry.initiatorType !== 'fetch')"
            ".map(entry => entry.name)"
        )
        return {urlsplit(url).path for url in urls}


def visit(context: BrowserContext, url: str, **options: Any) -> Visit:
    """Open the page in a new tab, and wait until it has measured everything."""
    page, problems = context.new_page(), list[str]()
    page.on("console", lambda message: _add_problem(problems, message.type, message.text))
    page.on("pageerror", lambda error: problems.append(f"exception: {error}"))
    page.on("requestfailed", lambda request: problems.append(f"failed: {request.url}"))
    if options:
        page.set_viewport_size(options["viewport"])
    page.goto(url)
    page.wait_for_selector(IS_COMPLETE)
    visited = Visit(page, problems)
    for _ in range(200):  # not wait_for_function: it needs eval, which the page's policy forbids
        if set(visited.rows()) == visited.loaded():
            break
        page.wait_for_timeout(50)
    return visited


def _add_problem(problems: list[str], kind: str, text: str) -> None:
    if kind in ("error", "warning"):
        problems.append(f"{kind}: {text}")


def test_the_page_loads_without_an_error_or_a_failed_request(demo: Demo, context: BrowserContext) -> None:
    assert visit(context, demo.url).problems == []


def test_the_table_has_a_row_for_each_asset_and_all_are_fingerprinted(
    demo: Demo, context: BrowserContext
) -> None:
    visited = visit(context, demo.url)
    rows = visited.rows()
    assert set(rows) == visited.loaded()
    assert all(re.search(r"\.[0-9a-f]{12}\.\w+$", path) for path in rows)
    assert {path.rpartition(".")[2] for path in rows} == {"css", "js", "svg", "woff2"}
    assert all(row["policy"] == "public, max-age=31536000, immutable" for row in rows.values())
    assert all(row["etag"].startswith('"') for row in rows.values())


def test_scripts_and_styles_are_smaller_on_the_wire_than_decoded(demo: Demo, context: BrowserContext) -> None:
    rows = visit(context, demo.url).rows()
    texts = {path: row for path, row in rows.items() if path.endswith((".css", ".js"))}
    assert len(texts) >= 8
    for path, row in texts.items():
        assert row["coding"] == "br"
        assert row["cached"] == "false"
        assert 0 < int(row["wire"]) < int(row["decoded"])
        assert int(row["wire"]) == len(demo.get(path, Accept_Encoding="br").body)
        assert int(row["decoded"]) == len(demo.get(path).body)


def test_every_check_that_the_page_makes_passes(demo: Demo, context: BrowserContext) -> None:
    items = visit(context, demo.url).page.locator("#check-list li")
    states = items.evaluate_all(
        "items => Object.fromEntries(items.map(i => [i.dataset.check, i.dataset.state]))"
    )
    assert states == dict.fromkeys(("immutable", "revalidated", "unhashed", "unknown", "range"), "passed")


def test_a_second_visit_takes_every_asset_from_the_cache(demo: Demo, context: BrowserContext) -> None:
    first = visit(context, demo.url).rows()
    second = visit(context, demo.url)
    assert second.problems == []
    assert set(second.rows()) == set(first)
    assert {path for path, row in second.rows().items() if row["cached"] == "false"} == set()
    assert second.page.inner_text("#total-wire") == "0 B"


def test_the_reload_button_takes_every_asset_from_the_cache(demo: Demo, context: BrowserContext) -> None:
    visited = visit(context, demo.url)
    visited.page.click("#reload")
    visited.page.wait_for_selector('html[data-visit="cached"]')
    assert all(row["cached"] == "true" for row in visited.rows().values())
    assert visited.problems == []


def test_any_asset_can_be_looked_up(demo: Demo, context: BrowserContext) -> None:
    page = visit(context, demo.url).page
    page.click(".select2-selection")
    page.keyboard.type("css/dashboard.css")
    page.keyboard.press("Enter")
    shown = page.inner_text("#lookup-url")
    assert re.fullmatch(r"/static/admin/css/dashboard\.[0-9a-f]{12}\.css", shown)
    assert demo.get(shown).status == 200


@pytest.mark.parametrize("width", [360, 820, 1280, 1600])
def test_the_page_needs_no_horizontal_scrolling(demo: Demo, context: BrowserContext, width: int) -> None:
    visited = visit(context, demo.url, viewport={"width": width, "height": 800})
    press(visited)
    page = visited.page
    assert page.evaluate("document.documentElement.scrollWidth") <= width


# Releases in a browser


def press(visited: Visit) -> list[dict[str, str]]:
    """Press the button, and return what the page then says of each new file."""
    page = visited.page
    before = page.get_attribute("html", "data-release")
    page.click("#release")
    page.wait_for_selector(f'html[data-release]:not([data-release="{before}"])', timeout=PATIENCE * 1000)
    return newest(visited)


def newest(visited: Visit) -> list[dict[str, str]]:
    """Return what the page says of each file of the last release that it has loaded."""
    rows: list[dict[str, str]] = visited.page.evaluate(
        "[...document.querySelectorAll('#release-rows tr')].map(row => ({...row.dataset}))"
    )
    return [row for row in rows if row["release"] == rows[0]["release"]]


def in_force(visited: Visit) -> tuple[str, str]:
    """Return the number that the script shows, and the hue that the style sheet has."""
    hue = "getComputedStyle(document.documentElement).getPropertyValue('--hue')"
    return visited.page.inner_text("#release-number"), visited.page.evaluate(hue)


def sizes_of_deltas(folder: Path, path: str) -> set[int]:
    manifest = Manifest.load(folder / "static/staticfiles.json")
    return {delta.size for delta in manifest.deltas_of(manifest.paths[path])}


def test_each_of_three_releases_costs_a_browser_only_deltas(
    demo: Demo, folder: Path, context: BrowserContext
) -> None:
    visited = visit(context, demo.url)
    for _ in range(3):
        before = in_force(visited)
        rows = press(visited)
        assert [row["path"] for row in rows] == CHANGED
        for row in rows:
            assert row["coding"] == "dcz"
            assert int(row["wire"]) in sizes_of_deltas(folder, row["path"])
            assert int(row["wire"]) < int(row["br"]) / 5
        after = in_force(visited)
        assert after[0] == f"Release {rows[0]['release']}"
        assert set(before).isdisjoint(after)
    assert visited.page.locator("#support").is_hidden()
    assert "less than br" in visited.page.inner_text("#outcome")
    assert visited.page.locator("head [data-path]:not([integrity])").count() == 0
    assert visited.problems == []


def test_what_the_page_about_deltas_tells_a_script_measures_one(demo: Demo, context: BrowserContext) -> None:
    (script,) = blocks("docs/deltas.md", "js")
    visited, lines = visit(context, demo.url), list[str]()
    visited.page.on("console", lambda message: lines.append(message.text))
    row = press(visited)[0]
    url = visited.page.evaluate("document.head.querySelector('script[data-path]').src")
    visited.page.evaluate(f"url => {{ {script} }}", url)
    assert lines == [f"dcz {row['wire']} of {len(demo.get(urlsplit(url).path).body)}"]


def test_two_tabs_that_make_releases_at_once_both_get_deltas(demo: Demo, context: BrowserContext) -> None:
    tabs = [visit(context, demo.url) for _ in range(2)]
    for tab in tabs:
        tab.page.click("#release")
    for tab in tabs:
        tab.page.wait_for_selector("html[data-release]", timeout=PATIENCE * 1000)
    rows = [newest(tab) for tab in tabs]
    assert abs(int(rows[0][0]["release"]) - int(rows[1][0]["release"])) == 1
    assert [row["coding"] for row in (*rows[0], *rows[1])] == ["dcz"] * 4
    assert [tab.problems for tab in tabs] == [[], []]


OLD = (
    *ARGUMENTS,
    "--disable-features=CompressionDictionaryTransport,CompressionDictionaryTransportBackend",
    "--host-resolver-rules=MAP demo.test 127.0.0.1",
)


@pytest.fixture(scope="module")
def old_browser(browser: Browser) -> Iterator[Browser]:
    """Run Chromium without dictionaries; for it, ``demo.test`` is this machine, but no secure context."""
    made = browser.browser_type.launch(executable_path=require_tool("chromium"), args=OLD)
    with made:
        yield made


def test_a_browser_without_dictionaries_is_sent_brotli_and_the_page_says_why(
    demo: Demo, old_browser: Browser
) -> None:
    with old_browser.new_context() as context:
        visited = visit(context, demo.url)
        rows = press(visited)
        assert [(row["coding"], row["wire"]) for row in rows] == [("br", row["br"]) for row in rows]
        assert "Chrome and Edge have them" in visited.page.inner_text("#support")
        assert visited.problems == []


def test_a_page_without_a_secure_context_says_that_there_are_no_deltas(
    demo: Demo, old_browser: Browser
) -> None:
    with old_browser.new_context() as context:
        visited = visit(context, demo.url.replace("127.0.0.1", "demo.test"))
        assert "on https:// and on localhost only" in visited.page.inner_text("#support")
        assert "dcz" not in {row["coding"] for row in press(visited)}


def test_the_page_shows_why_a_release_cannot_be_built(
    demo: Demo, folder: Path, context: BrowserContext
) -> None:
    visited = visit(context, demo.url)
    before = in_force(visited)
    with unbuildable(folder):
        visited.page.click("#release")
        visited.page.wait_for_selector('#release-state[data-state="failed"]', timeout=PATIENCE * 1000)
    assert TOO_LONG in visited.page.inner_text("#release-state")
    assert in_force(visited) == before
    press(visited)
    assert in_force(visited)[0] != before[0]


# Starting and stopping


def test_a_second_start_builds_nothing(demo: Demo, folder: Path) -> None:
    assert any(line.startswith("Built") for line in demo.lines)
    with running(example("--port", "0"), folder) as again:
        assert again.get("/").status == 200
    assert not any("uil" in line for line in again.lines)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_signal_stops_the_example_cleanly(demo: Demo, folder: Path, number: signal.Signals) -> None:
    with running(example("--port", "0"), folder) as started:
        started.process.send_signal(number)
        assert started.process.wait(30) == 0
    assert started.lines[-1] == "Stopped.\n"
    assert not any("Traceback" in line for line in started.lines)


def test_a_port_in_use_is_reported_in_one_line(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            example("--port", str(port)),
            cwd=REPOSITORY,
            env=environment(folder),
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith(f"Cannot listen on 127.0.0.1, port {port}: Address already in use\n")


def test_the_port_can_come_from_the_environment(demo: Demo, folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run(
            example(),
            cwd=REPOSITORY,
            env={**environment(folder), "PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert f"port {port}" in ended.stderr


def example_without(package: str) -> list[str]:
    """Return the command that starts the example as if a package were missing."""
    hide = f"import runpy, sys; sys.modules[{package!r}] = None; "
    start = "runpy.run_module('example_wsgi', {}, '__main__')"
    return [sys.executable, "-c", hide + start, "--port", "0"]


def test_the_example_also_runs_without_waitress(demo: Demo, folder: Path) -> None:
    with running(example_without("waitress"), folder) as started:
        assert "(wsgiref;" in started.lines[-1]
        reply = started.get(started.asset("site/site.css"), Accept_Encoding="br")
        assert (reply.status, reply["Content-Encoding"]) == (200, "br")
        started.process.send_signal(signal.SIGINT)
        assert started.process.wait(30) == 0


def test_the_example_also_runs_without_the_web_fonts(tmp_path: Path) -> None:
    with running(example_without("unfold"), tmp_path / "built") as started:
        reply = started.get("/")
    assert reply.status == 200
    assert b"unfold/" not in reply.body
    assert reply.body.rstrip().endswith(b"</html>")


def test_two_workers_of_gunicorn_start_without_a_build(tmp_path: Path) -> None:
    command = [
        *(sys.executable, "-m", "gunicorn", "example_wsgi:application", "--bind", "127.0.0.1:0"),
        *("--workers", "2"),
    ]
    with running(command, tmp_path / "cold", r"Listening at: (http://\S+)") as started:
        replies = parallel(
            lambda: started.get(started.asset("site/site.css"), Accept_Encoding="br"), times=20
        )
    assert {(reply.status, reply["Content-Encoding"]) for reply in replies} == {(200, "br")}
    assert sum(line.startswith("Built") for line in started.lines) == 1
    assert not any("Traceback" in line for line in started.lines)


def parallel(call: Callable[[], Reply], *, times: int) -> list[Reply]:
    """Call a function from several threads at once."""
    replies: list[Reply] = []
    threads = [
        threading.Thread(target=functools.partial(lambda: replies.append(call()))) for _ in range(times)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(replies) == times
    return replies
