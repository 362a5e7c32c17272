"""``collectstatic --clear`` on a live site: nothing that a release in force lists is ever missing.

Invariant: a file of a release that was once in force is served with its bytes while STATIC_ROOT is cleared,
and after a clearing that was killed. ``HASHSERVE_SOAK=1`` clears 20 times and kills 50 times.
"""

from __future__ import annotations

import http.client
import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hashserve.digests import digest_of
from tests.support.building import wrong_files
from tests.support.concurrent_clients import running_clients
from tests.support.example_project import PREFIX, Project
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.timeout(3600)]

SOAK = os.environ.get("HASHSERVE_SOAK") == "1"
CLEARED = 20 if SOAK else 2
KILLED = 50 if SOAK else 3
CLIENTS = 4
CLEAR = ("collectstatic", "--clear", "--noinput", "-v0")


SETTINGS = """
HASHSERVE["PUBLISH_MANIFEST"] = True
HASHSERVE["PREVIOUS"] = os.environ.get("PREVIOUS")
if os.environ.get("WITHOUT_APP"):  # then collectstatic is Django's own command
    INSTALLED_APPS.remove("hashserve.django")
"""


@dataclass(kw_only=True)
class Clients:
    """Clients that request the files of every release that was in force, and their unhashed names."""

    port: int
    digests: dict[str, str] = field(default_factory=dict)
    unhashed: frozenset[str] = frozenset()
    answers: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    _is_over: threading.Event = field(default_factory=threading.Event)

    def learn(self, project: Project) -> None:
        """Remember the files of the release in force, and of those that it retains."""
        manifest = project.manifest()
        records = filter(None, (manifest.record(path) for path in manifest.files))
        self.digests.update((record.path, record.sha256 or "") for record in records)
        self.unhashed = frozenset(manifest.paths)

    def wait_for(self, count: int) -> None:
        """Wait for a number of further responses, or a problem."""
        enough = self.answers.total() + count
        wait_until(lambda: bool(self.problems) or self.answers.total() > enough)

    @contextmanager
    def requesting(self) -> Iterator[None]:
        """Run the clients inside the context."""
        with running_clients(CLIENTS, self._request_until_over, self._is_over):
            yield

    def _request_until_over(self, choice: random.Random) -> None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            while not self._is_over.is_set():
                path = choice.choice([*self.digests, *self.unhashed])
                connection.request("GET", PREFIX + path)
                response = connection.getresponse()
                self._check(path, response.status, response.read())
            connection.close()
        except Exception as error:  # noqa: BLE001  # the test reports it
            self.problems.append(repr(error))

    def _check(self, path: str, status: int, body: bytes) -> None:
        kind = "fingerprinted" if path in self.digests else "unhashed"
        self.answers[f"{kind} {status}"] += 1
        if status != 200:
            self.problems.append(f"{path}: {status}")
        elif kind == "fingerprinted" and digest_of([body]) != self.digests[path]:
            self.problems.append(f"{path}: wrong bytes")


def clear_and_kill(project: Project, seconds: float) -> bool:
    """Collect with ``--clear``, and kill it after some time; return whether it was still running."""
    command = [sys.executable, "manage.py", *CLEAR]
    process = subprocess.Popen(
        command,
        cwd=project.folder,
        env=project.variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


@pytest.fixture
def project(tmp_path: Path) -> Project:
    copy = Project.copied_to(tmp_path)
    with (copy.folder / "teahouse" / "settings.py").open("a", encoding="utf-8") as settings:
        settings.write(SETTINGS)
    copy.prepare()
    return copy


@pytest.mark.parametrize("without_app", ["", "1"], ids=["our command", "Django's command"])
def test_a_live_site_misses_nothing_while_it_is_cleared(project: Project, without_app: str) -> None:
    with project.gunicorn() as server:
        clients = Clients(port=server.port)
        clients.learn(project)
        first = dict(clients.digests)
        project = project.having(PREVIOUS=server.url + PREFIX, WITHOUT_APP=without_app)
        with clients.requesting():
            for number in range(CLEARED):
                project.append("shop/css/shop.css", f"/* {number} */\n")
                project.manage(*CLEAR)
                clients.learn(project)
                clients.wait_for(50)
    how = " with Django's own command" if without_app else ""
    print(f"clear: {CLEARED} times under load{how}, {dict(clients.answers)}, {len(clients.problems)} wrong")
    assert not clients.problems, Counter(clients.problems)
    assert first.keys() <= project.manifest().files.keys()
    assert project.manifest().deltas, "a test without a delta proves nothing of them"
    assert wrong_files(project.static_root) == []


def test_a_clearing_that_is_killed_leaves_the_release_in_force_whole(project: Project) -> None:
    choice = random.Random(1)
    killed = 0
    with project.gunicorn() as server:
        clients = Clients(port=server.port)
        clients.learn(project)
        with clients.requesting():
            while killed < KILLED and not clients.problems:
                project.append("shop/css/shop.css", f"/* {killed} */\n")
                killed += clear_and_kill(project, choice.uniform(0.2, 4))
                clients.learn(project)
                assert wrong_files(project.static_root) == []
    print(f"clear: {killed} times killed, {dict(clients.answers)}, {len(clients.problems)} wrong")
    assert not clients.problems, Counter(clients.problems)
    project.manage(*CLEAR)
    assert wrong_files(project.static_root) == []
