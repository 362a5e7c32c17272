"""Hostile names on disk and in a manifest, in the log of a server."""

from __future__ import annotations

import logging
import os

import pytest

from hashserve.serve.manifest_follower import ManifestFollower
from tests.support.files import put
from tests.support.trees import BuiltTree


def test_every_record_of_a_server_is_one_visible_line(
    built: BuiltTree, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    root = os.path.join(built.root, "x\nERROR forged\x1b[2J")
    put(root, "staticfiles.json", b"{")
    follower = ManifestFollower(root)
    follower.check()
    assert r"x\nERROR forged\x1b[2J/staticfiles.json" in caplog.text
    put(root, "staticfiles.json", b'{"version": "1.1", "paths": {}}')
    follower.check()
    os.unlink(os.path.join(root, "staticfiles.json"))
    follower.check()
    assert len(caplog.records) == 3
    assert [record for record in caplog.records if not record.getMessage().isprintable()] == []
