"""Bodies that are read before the server forks."""

from __future__ import annotations

import os

import pytest

from hashserve import HashServe
from hashserve.serve.preload import preload
from tests.support.client import wrapped_application
from tests.support.trees import BuiltTree


def test_preload_stays_within_the_budget_and_logs_missing_files(
    built: BuiltTree, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(20):
        built.add(f"{number}.txt", b"%02d" % number * 1000)
    built.publish()
    os.unlink(os.path.join(built.root, built.names["0.txt"]))
    application = HashServe(wrapped_application, built.root, body_budget=20_000, preload=True)
    bodies = application._site.bodies._bodies
    assert 0 < len(bodies) < 20
    assert bodies.total()[1] <= 20_000
    assert "cannot serve" in caplog.text
    live = HashServe(wrapped_application, os.path.join(built.root, "css"), "/", preload=True)
    assert preload(live._site) == 0
