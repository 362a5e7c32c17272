"""Rolling deploys: four processes of two releases behind a balancer, and clients that load whole pages.

Invariant: a page and all its files are of one release, and every file is found, whichever process answers.
``HASHSERVE_SOAK=1`` sends 100,000 requests of each kind instead of 2,000.
"""

from __future__ import annotations

import json
import os
import random
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest

from hashserve import Manifest
from tests.support.concurrent_clients import running_clients
from tests.support.proxies import Balancer, HAProxyBalancer, NginxBalancer
from tests.support.releases import PREFIX, Releases, decoded, get
from tests.support.served_root import RawConnection, RawResponse, ServedRoot
from tests.support.services import running
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.real, pytest.mark.timeout(1800)]

SOAK = os.environ.get("HASHSERVE_SOAK") == "1"
REQUESTS = 100_000 if SOAK else 2_000
CLIENTS = 3
PAUSE = 0.0 if SOAK else 0.002
IMMUTABLE = "public, max-age=31536000, immutable"
ACCEPTED = [None, "gzip", "br", "gzip, deflate, br, zstd"]

APPLICATION = """
import json
from hashserve import HashServe, Manifest

paths = Manifest.load({root!r} + "/staticfiles.json").paths
page = json.dumps({{"release": Manifest.load({root!r} + "/staticfiles.json").release,
                    "urls": {{name: "/static/" + path for name, path in paths.items()}}}}).encode()

def inner(environ, start_response):
    start_response("200 OK" if environ["PATH_INFO"] in ("/page", "/process") else "404 Not Found",
                   [("Content-Type", "application/json"), ("Content-Length", str(len(page)))])
    return [b"" if environ["REQUEST_METHOD"] == "HEAD" else page]

application = HashServe(inner, {root!r}, "/static/")
"""


class Process(ServedRoot):
    """A process of the site. Its pages refer to the files of the release at its start."""

    def __init__(self, folder: Path, root: Path) -> None:
        super().__init__(folder, str(root))
        (folder / "served.py").write_text(APPLICATION.format(root=str(root)), encoding="utf-8")

    def process(self) -> int:
        """Return whether it answers."""
        with RawConnection(self.port) as connection:
            return int(connection.ask(get("/page")).status == 200)


@dataclass(kw_only=True)
class Clients:
    """Clients that load pages with all their files. Pages stay open for a while."""

    port: int
    releases: dict[str, dict[str, bytes]]
    pages: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    _is_over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def loading_pages(self) -> Iterator[None]:
        """Run the clients inside the context."""
        with running_clients(CLIENTS, self._load_until_over, self._is_over):
            yield

    def summary(self, setup: str, balancer: type[Balancer]) -> str:
        """Count the responses, and the pages of each release, for `tests.proofs`."""
        return f"deploys: {setup}, {balancer.tool}: {dict(self.answers)}; pages {dict(self.pages)}"

    def wait_for(self, count: int) -> None:
        """Wait for a number of further responses. Fail if none arrives for a while."""
        enough = self.answers.total() + count
        while self.answers.total() < enough and not self.problems:
            wait_until(partial(self._has_more_than, self.answers.total()))
        assert self.problems == []

    def _has_more_than(self, count: int) -> bool:
        return bool(self.problems) or self.answers.total() > count

    def _load_until_over(self, choice: random.Random) -> None:
        open_pages: list[dict[str, str]] = []
        try:
            with RawConnection(self.port) as connection:
                while not self._is_over.is_set():
                    open_pages = [*open_pages[-4:], self._page(connection)]
                    self._load(connection, choice.choice(open_pages), choice)
        except Exception as error:  # noqa: BLE001  # the test reports it
            self.problems.append(repr(error))

    def _page(self, connection: RawConnection) -> dict[str, str]:
        answer = connection.ask(get("/page"))
        self.answers[f"page {answer.status}"] += 1
        page = json.loads(answer.body)
        self.pages[page["release"]] += 1
        return {"": page["release"], **page["urls"]}

    def _load(self, connection: RawConnection, page: dict[str, str], choice: random.Random) -> None:
        """Load the files of a page and their references, and compare them with the page's release."""
        expected = self.releases[page[""]]
        waiting = {url for name, url in page.items() if name and not name.startswith("film")}
        seen: set[str] = set()
        while waiting - seen:
            url = choice.choice(sorted(waiting - seen))
            seen.add(url)
            answer = connection.ask(get(url, Accept_Encoding=choice.choice(ACCEPTED)))
            time.sleep(PAUSE)
            self.answers[f"file {answer.status}"] += 1
            if answer.status == 200:
                waiting |= self._checked(url, answer, expected)
            elif answer.status != 404 or answer.fields["cache-control"] != "no-store":
                self.problems.append(f"{url}: {answer.status}")

    def _checked(self, url: str, answer: RawResponse, expected: dict[str, bytes]) -> set[str]:
        body = b"".join(decoded(answer.body, answer.fields.get("content-encoding", "identity")))
        if expected.get(url) != body or answer.fields["cache-control"] != IMMUTABLE:
            self.problems.append(f"{url} has not the content of the page's release")
        if not url.endswith((".css", ".js")):
            return set()
        names = re.findall(r'["(]([\w./-]+\.[0-9a-f]{12}\.\w+)["\')]', body.decode())
        return {urlsplit(urljoin(f"http://host{url}", name)).path for name in names}


# The deploys


@pytest.fixture(params=[HAProxyBalancer, NginxBalancer])
def balancer(request: pytest.FixtureRequest) -> type[Balancer]:
    """The balancer in front of the processes."""
    make: type[Balancer] = request.param
    return make


@dataclass(kw_only=True)
class Site:
    """Four processes behind a balancer, and their clients."""

    processes: Sequence[Process]
    clients: Clients


@contextmanager
def serving(folder: Path, roots: Sequence[Path], make: type[Balancer], *, retries: bool) -> Iterator[Site]:
    processes = [Process(folder / f"process-{number}", root) for number, root in enumerate(roots)]
    with ExitStack() as stack:
        for process in processes:
            stack.enter_context(running(process))
        addresses = [process.address for process in processes]
        front = stack.enter_context(running(make(folder / "balancer", addresses, retries=retries)))
        clients = Clients(port=front.port, releases={})
        yield Site(processes=processes, clients=clients)


def restart(processes: Sequence[Process]) -> None:
    """Restart processes one after the other."""
    for process in processes:
        process.restart()


def contents(root: Path, manifest: Manifest) -> dict[str, bytes]:
    """Return the content of each URL of the last release."""
    return {PREFIX + path: (root / path).read_bytes() for path in manifest.paths.values()}


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    """The releases of a site; none is built yet."""
    releases = Releases(tmp_path)
    releases.change()
    return releases


def test_every_page_gets_its_files_from_a_shared_folder_with_retained_releases(
    releases: Releases, tmp_path: Path, balancer: type[Balancer]
) -> None:
    first = releases.build()
    old = contents(releases.root, first)
    with serving(tmp_path, [releases.root] * 4, balancer, retries=False) as site:
        clients = site.clients
        clients.releases[first.release] = old
        with clients.loading_pages():
            clients.wait_for(REQUESTS // 8)
            releases.change()
            second = releases.build()
            clients.releases[second.release] = contents(releases.root, second)
            restart(site.processes[:2])
            clients.wait_for(REQUESTS * 6 // 8)
            restart(site.processes[2:])
            clients.wait_for(REQUESTS // 8)
    print(clients.summary("one folder", balancer))
    assert clients.problems == []
    assert set(clients.answers) == {"page 200", "file 200"}
    assert clients.answers.total() >= REQUESTS
    assert min(clients.pages[release] for release in (first.release, second.release)) > 10


@dataclass(frozen=True, kw_only=True)
class TwoFolders:
    """The folders of two machines: ``old`` has the first release, ``new`` has both."""

    old: Path
    new: Path
    releases: dict[str, dict[str, bytes]]


@pytest.fixture
def two_folders(releases: Releases, tmp_path: Path) -> TwoFolders:
    """Two folders of the site; the newer one is built with ``--previous``."""
    old, new = tmp_path / "old", tmp_path / "new"
    first = releases.build(old)
    known = {first.release: contents(old, first)}
    releases.change()
    second = releases.build(new, previous=old)
    known[second.release] = contents(new, second)
    return TwoFolders(old=old, new=new, releases=known)


def test_every_page_gets_its_files_from_separate_folders_if_the_balancer_retries(
    two_folders: TwoFolders, tmp_path: Path, balancer: type[Balancer]
) -> None:
    clients = run_clients(two_folders, tmp_path, balancer, REQUESTS, retries=True)
    assert clients.answers.total() >= REQUESTS
    assert set(clients.answers) - {"file 404"} == {"page 200", "file 200"}
    # HAProxy can retry the same process; nginx tries each process once.
    allowed = clients.answers["file 200"] // 200 if balancer is HAProxyBalancer else 0
    assert clients.answers["file 404"] <= allowed


def test_without_retries_an_old_process_answers_404_that_is_not_stored(
    two_folders: TwoFolders, tmp_path: Path, balancer: type[Balancer]
) -> None:
    clients = run_clients(two_folders, tmp_path, balancer, 1_000, retries=False)
    assert set(clients.answers) == {"page 200", "file 200", "file 404"}


def run_clients(
    folders: TwoFolders, folder: Path, make: type[Balancer], count: int, *, retries: bool
) -> Clients:
    """Load pages from two processes of each folder, and check that each page has files of one release."""
    roots = [folders.old, folders.old, folders.new, folders.new]
    with serving(folder, roots, make, retries=retries) as site:
        clients = site.clients
        clients.releases.update(folders.releases)
        with clients.loading_pages():
            clients.wait_for(count)
    print(clients.summary(f"two folders, {'retries' if retries else 'no retries'}", make))
    assert clients.problems == []
    assert min(clients.pages[release] for release in folders.releases) > 10
    return clients
