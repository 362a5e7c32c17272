"""Real pages in a real browser: headless Chromium, and a site under a real server.

Invariant: no fault of a page is lost: every failed request, every error on its console and every exception in
it or its workers is kept until the test looks.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from hashserve import HashServe
from tests.support.parts import missing, require_tool

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from playwright.sync_api import Browser, BrowserContext, Page, Response

__all__ = ["ARGUMENTS", "PATIENCE", "PREFIX", "Site", "Visit", "launch", "serve", "serve_application"]

PREFIX = "/static/"

PATIENCE = 90_000
"""The timeout of everything in a page, in milliseconds; the machine may be slow and busy."""

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # WebGL in software, which works on any machine.
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)
"""Chromium's arguments for a machine without a display, and without requests of its own."""


@contextmanager
def launch() -> Iterator[Browser]:
    """Run Chromium; skip or fail the test if Chromium or playwright is missing."""
    executable = require_tool("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=list(ARGUMENTS), timeout=PATIENCE
        )
        with browser:
            yield browser


@dataclass(kw_only=True)
class Visit:
    """One page with its own cache, what it loaded, and its faults."""

    page: Page
    loaded: list[Response] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def wait(self, expression: str) -> Any:
        """Wait until an expression is true in the page, and return its value."""
        return self.page.wait_for_function(expression, timeout=PATIENCE).json_value()

    def assets(self) -> dict[str, str]:
        """Return the Cache-Control of each logical or fingerprinted path that was loaded."""
        return {
            unquote(urlsplit(response.url).path).removeprefix(PREFIX): response.headers["cache-control"]
            for response in self.loaded
            if urlsplit(response.url).path.startswith(PREFIX)
        }

    def assert_clean(self, files: Collection[str], *, unhashed: Collection[str] = ()) -> None:
        """Assert that nothing failed, and that everything except ``unhashed`` is immutable."""
        assert self.problems == []
        assets = self.assets()
        assert assets, "the page loaded nothing of the tree"
        assert {path for path in assets if path not in files} == set(unhashed)
        assert {path for path, control in assets.items() if "immutable" not in control} == set(unhashed)

    @classmethod
    @contextmanager
    def to(cls, browser: Browser, url: str) -> Iterator[Visit]:
        """Open a page and wait until it and its files have loaded.

        If HASHSERVE_PICTURES names a folder, a picture of the page is saved there at the end.
        """
        with browser.new_context() as context, cls.within(context, url) as visit:
            yield visit

    @classmethod
    @contextmanager
    def within(cls, context: BrowserContext, url: str) -> Iterator[Visit]:
        """Open a page with the cache of a context, as `to` does."""
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        visit = cls(page=page)
        visit.listen()
        page.goto(url, wait_until="load")
        yield visit
        if "HASHSERVE_PICTURES" in os.environ:
            test = re.sub(r"\W+", "-", os.environ["PYTEST_CURRENT_TEST"].split("::")[-1])
            page.screenshot(path=os.path.join(os.environ["HASHSERVE_PICTURES"], f"{test}.png"))

    def listen(self) -> None:
        context, note = self.page.context, self.problems.append
        context.on("response", self.received)
        context.on("requestfailed", lambda request: note(f"{request.url}: {request.failure}"))
        context.on("weberror", lambda error: note(str(error.error)))
        context.on(
            "console",
            lambda message: note(f"{message.text} {message.location}") if message.type == "error" else None,
        )
        self.page.on("crash", lambda page: note("the page crashed"))

    def received(self, response: Response) -> None:
        if response.url.startswith("http"):
            self.loaded.append(response)
            if response.status >= 400:
                self.problems.append(f"{response.status} {response.url}")


Body = str | Callable[[HashServe], str]


class Site:
    """An application of a few pages behind `HashServe`, which each page uses to name its assets."""

    def __init__(self, out: Path, pages: Mapping[str, Body]) -> None:
        self.static = HashServe(self.application, root=out, prefix=PREFIX, autorefresh=True)
        self.pages = pages

    def application(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        page = self.pages.get(environ["PATH_INFO"])
        if page is None:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"there is no such page"]
        body = (page if isinstance(page, str) else page(self.static)).encode()
        fields = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body)))]
        start_response("200 OK", fields)
        return [body]


def serve(site: Site) -> AbstractContextManager[str]:
    """Serve a site with waitress on a free port, and yield its URL without the last slash."""
    return serve_application(site.static)


@contextmanager
def serve_application(application: WSGIApplication) -> Iterator[str]:
    """Serve an application with waitress on a free port, and yield its URL without the last slash."""
    from waitress import wasyncore
    from waitress.server import create_server

    channels: dict[int, Any] = {}
    server: Any = create_server(application, map=channels, host="127.0.0.1", port=0, threads=8)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        # In the server's own thread. Without channels, its loop ends.
        server.trigger.pull_trigger(lambda: wasyncore.close_all(channels))
        thread.join()
        server.task_dispatcher.shutdown()
