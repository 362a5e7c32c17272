"""The page about counters: every block runs, and its tables match the code."""

from __future__ import annotations

import re
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families as parse

from benchmarks.processes import running_server
from hashserve import HashServe
from hashserve.prometheus import HashServeCollector
from hashserve.serve.answers import KINDS
from hashserve.serve.counters import Counts
from tests.docs.test_readme import PROJECT, blocks
from tests.support.client import request, wrapped_application
from tests.support.parts import missing
from tests.support.services import free_port
from tests.support.trees import BuiltTree
from tests.support.waiting import wait_until

PAGE = "docs/counters.md"
TEXT = (PROJECT / PAGE).read_text(encoding="utf-8")
CONSTRUCTED, COUNTED, REGISTERED, GUNICORN = blocks(PAGE, "python")
REQUESTS = 40


def table(*heads: str) -> list[str]:
    """Return the code in the first column of the table with these heads."""
    head = re.escape(f"| {' | '.join(heads)} |")
    found = re.search(rf"^{head}\n\|[- |]+\|\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    assert found is not None
    return [name for row in found[1].splitlines() for name in re.findall(r"`(.+?)`", row.split("|")[1])]


@contextmanager
def registry_as_it_was() -> Iterator[None]:
    before = dict(REGISTRY._collector_to_names)
    try:
        yield
    finally:
        for collector in set(REGISTRY._collector_to_names) - set(before):
            REGISTRY.unregister(collector)


def test_the_blocks_run_one_after_the_other(built: BuiltTree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(built.root).parent)
    (Path(built.root).parent / "static").symlink_to(built.root)
    names: dict[str, Any] = {"HashServe": HashServe, "application": wrapped_application}
    exec(CONSTRUCTED, names)
    request(names["application"], f"/static/{built.names['ten.txt']}")
    exec(COUNTED, names)
    assert names["counts"]["responses"] == {"fingerprinted": {"200 identity": 1}}
    with registry_as_it_was():
        exec(REGISTERED, names)
        text = generate_latest(REGISTRY).decode()
    assert 'hashserve_responses_total{coding="identity",kind="fingerprinted",status="200"} 1.0' in text


def test_the_tables_have_everything_once(built: BuiltTree) -> None:
    assert table("key", "what it is") == list(Counts.__annotations__)
    assert table("kind", "responses") == list(KINDS)
    registry = CollectorRegistry()
    registry.register(HashServeCollector(HashServe(wrapped_application, built.root, counters=True)))
    families = list(parse(generate_latest(registry).decode()))
    names = [f"{family.name}_total" if family.type == "counter" else family.name for family in families]
    assert table("metric", "labels") == names


def test_the_extra_is_there() -> None:
    (command,) = blocks(PAGE, "console")
    assert command == 'pip install "hashserve[prometheus]"\n'
    assert re.search(r"^prometheus = \[", (PROJECT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)


SITE = """
from hashserve import HashServe
application = HashServe(lambda environ, start_response: [], {root!r}, counters=True)
"""


@pytest.mark.real
def test_each_worker_of_gunicorn_has_an_address_of_its_own(built: BuiltTree, tmp_path: Path) -> None:
    if sys.platform == "win32":
        missing("gunicorn does not run here")
    folder = tmp_path / "site"
    folder.mkdir()
    first = free_port()
    (folder / "gunicorn.conf.py").write_text(GUNICORN.replace("9100", str(first)), encoding="utf-8")
    (folder / "served.py").write_text(SITE.format(root=built.root), encoding="utf-8")

    def command(port: int) -> list[str]:
        config = str(folder / "gunicorn.conf.py")
        bind = f"127.0.0.1:{port}"
        return [sys.executable, "-m", "gunicorn", "served:application", "--config", config, "--bind", bind]

    with running_server(command, {"PYTHONPATH": str(folder)}) as (port, _):
        wait_until(lambda: len(counts_at(first)) == 2)
        for _ in range(REQUESTS):
            url = f"http://127.0.0.1:{port}/static/{built.names['ten.txt']}"
            with urllib.request.urlopen(url, timeout=30) as reply:
                assert reply.read() == b"0123456789"
        assert sum(counts_at(first)) == REQUESTS


def counts_at(first: int) -> list[float]:
    """Return the count of each worker that listens on one of four ports."""
    found = []
    for port in range(first, first + 4):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as reply:
                families = {family.name: family for family in parse(reply.read().decode())}
        except OSError:
            continue
        found.append(sum(sample.value for sample in families["hashserve_responses"].samples))
    return found
