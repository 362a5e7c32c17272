"""The build, killed at any moment while its output is being served: nobody ever reads a broken file.

``HASHSERVE_KILLS=500`` runs it longer; ``make test`` has 25 kills.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from hashserve import HashServe, Manifest
from hashserve.builder import BuildSettings, build
from hashserve.check import check
from hashserve.digests import digest_of
from hashserve.http.codings import CODINGS, IDENTITY
from hashserve.http.dictionaries import DCZ, decode_delta
from hashserve.manifest.model import DeltaRecord
from tests.support.building import RULES, command, contents, manifest_of, snapshot, temporaries, wrong_files
from tests.support.client import request, wrapped_application
from tests.support.files import put

KILLS = int(os.environ.get("HASHSERVE_KILLS", "25"))

LEAVES, CHANGING = 12, 5
"""How many leaves the tree has, and how many of them have other content in every release."""


def write_source(source: Path, number: int) -> None:
    """Write the tree of one release: style sheets over pictures, scripts that import in a circle."""
    for leaf in range(LEAVES):
        release = number if leaf < CHANGING else 0
        drawing = f"<svg xmlns='http://www.w3.org/2000/svg'><!-- {leaf} of {release} -->{'<g/>' * 200}</svg>"
        put(source, f"img/leaf-{leaf}.svg", drawing.encode())
    for sheet in range(4):
        rules = "".join(
            f".a{leaf} {{ background: url(../img/leaf-{leaf}.svg) }}\n" for leaf in range(sheet, LEAVES)
        )
        note = f"/* {number if sheet < 2 else 0} */\n"
        put(source, f"css/sheet-{sheet}.css", (note + rules * 2).encode())
    put(source, "js/a.js", b"import './b.js';\nexport const number = %d;\n" % number + b"// padding\n" * 50)
    put(source, "js/b.js", b"import './a.js';\n" + b"// more padding\n" * 50)
    put(source, "css/large.css", b"/* %d */\n" % number + RULES)
    put(source, "robots.txt", b"User-agent: *\n")
    put(source, "noise.bin", random.Random(number).randbytes(3000))


@dataclass
class Reader:
    """Reads every URL of the release in force over and over, and holds each answer to what it has to be."""

    out: Path
    allowed: dict[str, set[str]] = field(default_factory=dict)
    reads: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    failure: BaseException | None = None
    _stopped: threading.Event = field(default_factory=threading.Event)

    def allow(self, manifest: Manifest) -> None:
        """Allow what a release has as an answer for its unhashed names."""
        for logical_path, path in manifest.paths.items():
            record = manifest.unhashed_record(logical_path) or manifest.record(path)
            assert record is not None
            assert record.sha256 is not None
            self.allowed.setdefault(logical_path, set()).add(record.sha256)

    def run(self) -> None:
        try:
            server = HashServe(wrapped_application, root=self.out, prefix="/static/", check_interval=0.0)
            while not self._stopped.is_set():
                self.read_all(server)
        except BaseException as error:  # noqa: BLE001  # told to the test, which fails
            self.failure = error

    def stop(self) -> None:
        self._stopped.set()

    def read_all(self, server: HashServe) -> None:
        manifest = manifest_of(self.out)
        for logical_path, path in manifest.paths.items():
            record = manifest.record(path)
            assert record is not None
            for coding in (IDENTITY, "br", "gzip"):
                self.read(server, path, coding, {record.sha256 or ""})
                self.read(server, logical_path, coding, self.allowed[logical_path])
            for delta in manifest.deltas_of(path):
                self.read_delta(server, delta, record.sha256 or "")
            if self._stopped.is_set():
                return

    def read(self, server: HashServe, path: str, coding: str, allowed: set[str]) -> None:
        reply = request(server, f"/static/{path}", accept_encoding=coding)
        self.reads[coding] += 1
        sent = dict(reply.headers).get("Content-Encoding", IDENTITY)
        try:
            content = b"".join(CODINGS[sent].decode([reply.body])) if sent != IDENTITY else reply.body
        except ValueError:
            content = b"does not decode"
        if (
            reply.status != 200
            or digest_of([content]) not in allowed
            or int(reply["Content-Length"]) != len(reply.body)
        ):
            self.broken.append(f"{path} in {coding}: {reply.status} {reply.headers} {content[:80]!r}")

    def read_delta(self, server: HashServe, delta: DeltaRecord, sha256: str) -> None:
        """Read a file as a client does that has an older version of it."""
        dictionary = (self.out / delta.dictionary).read_bytes()
        reply = request(
            server,
            f"/static/{delta.of}",
            accept_encoding="dcz",
            available_dictionary=f":{delta.dictionary_sha256}:",
        )
        sent = dict(reply.headers).get("Content-Encoding", IDENTITY)
        self.reads[sent] += 1
        try:
            content = [*decode_delta([reply.body], dictionary, 10**6)] if sent == DCZ else [reply.body]
        except ValueError:
            content = [b"does not decode"]
        if reply.status != 200 or digest_of(content) != sha256:
            self.broken.append(f"{delta.path}: {reply.status} {reply.headers} {content[0][:80]!r}")


def kill_at(moment: float, source: Path, out: Path) -> int:
    """Start the real build, and kill it after so many seconds; gives how it ended."""
    process = subprocess.Popen(
        command("build", source, "--out", out, "--keep", "3", "--quiet"), start_new_session=True
    )
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    return process.wait()


@pytest.mark.timeout(60 + KILLS * 20)
def test_a_build_that_is_killed_at_any_moment_breaks_no_read(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    write_source(source, 0)
    subprocess.run(command("build", source, "--out", out, "--quiet"), check=True)
    # Not the first build: on a new machine it takes many times as long, and no other would be killed.
    started = time.monotonic()
    subprocess.run(command("build", source, "--out", tmp_path / "timed", "--quiet"), check=True)
    longest = time.monotonic() - started
    reader = Reader(out)
    reader.allow(manifest_of(out))
    thread = threading.Thread(target=reader.run)
    thread.start()
    moments = random.Random(os.environ.get("HASHSERVE_SEED"))
    killed = 0
    try:
        for number in range(1, KILLS + 1):
            write_source(source, number)
            # What an undisturbed build makes of it is what the reader may see under unhashed names.
            expected = tmp_path / "expected"
            build(source, expected, BuildSettings(codings=(), keep=1, keep_days=0))
            reader.allow(manifest_of(expected))
            killed += kill_at(moments.uniform(0.0, longest), source, out) == -signal.SIGKILL
            assert not wrong_files(out)
            if moments.random() < 0.3:  # or else the next one builds over what this one left
                subprocess.run(command("build", source, "--out", out, "--quiet"), check=True)
                assert manifest_of(out).release == manifest_of(expected).release
                assert not temporaries(out)
            assert reader.failure is None, reader.failure
    finally:
        reader.stop()
        thread.join()
    subprocess.run(command("build", source, "--out", out, "--quiet"), check=True)
    print(f"{killed} of {KILLS} builds killed, {reader.reads.total()} reads, {len(reader.broken)} broken")
    assert not temporaries(out)
    assert not wrong_files(out)
    assert not {"unhashed-differs", "variant-stale", "variant-older"} & {
        finding.rule for finding in check(out).findings
    }
    assert reader.failure is None, reader.failure
    assert not reader.broken, reader.broken[:10]
    assert killed
    assert min(reader.reads[coding] for coding in (IDENTITY, "br", "gzip", DCZ)) > 0


def write_steps(monkeypatch: pytest.MonkeyPatch, stop_after: int) -> list[int]:
    """Have the build stop as if killed after so many changes of names; counts them."""
    steps = [0]
    replace, unlink = os.replace, os.unlink

    class Killed(BaseException):
        pass

    def step() -> None:
        if steps[0] >= stop_after:
            raise Killed
        steps[0] += 1

    def counted_replace(source: str, target: str) -> None:
        step()
        replace(source, target)

    def counted_unlink(path: str) -> None:
        step()
        unlink(path)

    monkeypatch.setattr(os, "replace", counted_replace)
    monkeypatch.setattr(os, "unlink", counted_unlink)
    return steps


def test_after_every_single_change_of_a_name_the_release_in_force_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    put(source, "a.css", b"a { background: url(b.svg) }\n" * 20)
    put(source, "b.svg", b"<svg/>" * 50)
    put(source, "c.txt", b"text that can be compressed\n" * 20)
    put(source, "d.css", b"/* 1 */\n" + RULES)
    build(source, out)
    put(source, "d.css", b"/* 2 */\n" + RULES)
    build(source, out)
    put(source, "d.css", b"/* 3 */\n" + RULES)
    put(source, "b.svg", b"<svg><!-- new --></svg>" * 50)
    put(source, "c.txt", os.urandom(100))
    first, stop_after = manifest_of(out).release, 0
    while True:
        with monkeypatch.context() as patched:
            steps = write_steps(patched, stop_after)
            try:
                build(source, out)
            except BaseException as error:  # noqa: BLE001
                assert type(error).__name__ == "Killed", error  # noqa: PT017
        assert not wrong_files(out)
        if steps[0] < stop_after:
            break
        release = manifest_of(out).release
        if release == first:
            assert {"a.css", "b.svg", "c.txt"} <= contents(out).keys()
        stop_after += 1
    assert manifest_of(out).release != first
    assert sorted(len(rows) for rows in (manifest_of(out).deltas or {}).values()) == [1, 2]
    before = snapshot(out)
    build(source, out)
    assert snapshot(out) == before
    assert not temporaries(out)
