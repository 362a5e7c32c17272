"""The modules that a process loads to send its first file: few, because each deploy starts many processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.files import put
from tests.support.trees import TEN, BuiltTree

# Each costs a bare interpreter 1 to 15 ms and up to 3 MB, and the first response does not need it.
HEAVY = {
    "asyncio",
    "calendar",
    "dataclasses",
    "datetime",
    "email",
    "glob",
    "hashserve.gateways.wsgi_fallback",
    "hashserve.manifest.importers",
    "hashserve.serve.header_hook",
    "hashserve.serve.preload",
    "inspect",
    "pathlib",
    "random",
    "socket",
    "ssl",
    "tempfile",
    "whitenoise",
    "wsgiref.headers",
    "wsgiref.util",
}

# These are loaded before the count, because what they load in turn differs between Python versions.
START = """
import hashlib, http, importlib.util, json, logging, sys, threading, typing, urllib.parse
before = set(sys.modules)
from hashserve import HashServe

root, path = sys.argv[1:]
application = HashServe(lambda environ, start_response: [], root, "/static/")
environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/static/" + path, "HTTP_ACCEPT_ENCODING": "identity"}
body = b"".join(application(environ, lambda status, headers: None))
print(json.dumps({"body": body.decode(), "loaded": sorted(set(sys.modules) - before)}))
"""


def loaded_for(root: str, path: str) -> set[str]:
    """Return the modules that a process loads until it has sent the ten bytes at ``path``."""
    done = subprocess.run(
        [sys.executable, "-c", START, root, path], check=True, capture_output=True, text=True, timeout=60
    )
    result = json.loads(done.stdout)
    assert result["body"] == TEN.decode()
    assert "hashserve.gateways.wsgi" in result["loaded"]
    return set(result["loaded"])


def test_a_file_of_a_manifest_is_sent_without_a_heavy_module(built: BuiltTree) -> None:
    assert loaded_for(built.root, built.names["ten.txt"]).isdisjoint(HEAVY)


def test_a_file_of_a_plain_folder_is_sent_without_a_heavy_module(tmp_path: Path) -> None:
    put(str(tmp_path), "ten.txt", TEN)
    assert loaded_for(str(tmp_path), "ten.txt").isdisjoint(HEAVY)


@pytest.mark.parametrize("name", sorted(HEAVY))
def test_each_heavy_module_exists(name: str) -> None:
    code = f"import {name}, sys; sys.exit({name!r} not in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
