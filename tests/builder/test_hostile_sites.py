"""Whatever a previous site does, the build ends by itself, and publishes what it would without that site."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from hashserve.builder import build
from hashserve.builder.releases import request_limits
from hashserve.builder.releases.errors import UnreachableError
from hashserve.builder.releases.previous_site import PreviousSite
from hashserve.errors import ManifestError
from tests.support.building import RULES, command, contents, manifest_of, run, temporaries, wrong_files
from tests.support.files import put
from tests.support.hostile_sites import ATTACKS, DELTA, Attack, Exchange, HostileSite, hostile_site, silence
from tests.support.previous_releases import change, put_source
from tests.support.waiting import wait_until


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return put_source(tmp_path / "source")


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_limits, "TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(request_limits, "WAIT_SECONDS", 0.02)
    monkeypatch.setattr("hashserve.builder.releases.previous_site.MAX_ATTEMPTS", 1)
    monkeypatch.setattr("tests.support.hostile_sites.PAUSE_SECONDS", 0.02)


def is_manifest(path: str) -> bool:
    return path.endswith("hashserve.json")


def is_text(path: str) -> bool:
    return path.startswith("/static/a.")


def url_of(site: HostileSite, attack: Attack) -> str:
    scheme = "https" if "tls" in attack.__name__ else "http"
    return f"{scheme}://127.0.0.1:{site.port}"


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("target", [is_manifest, is_text])
@pytest.mark.parametrize("attack", ATTACKS)
def test_a_build_ends_whatever_a_site_does(
    monkeypatch: pytest.MonkeyPatch,
    source: Path,
    first: Path,
    tmp_path: Path,
    attack: Attack,
    target: Callable[[str], bool],
) -> None:
    change(source)
    for patience in (1, 10, 60):  # on a busy machine, a build may give up before it asks for the target
        monkeypatch.setattr(request_limits, "TIMEOUT_SECONDS", 0.1 * patience)
        out = tmp_path / f"out-{patience}"
        with hostile_site(first, attack, target) as site:
            report = build(source, out, previous=url_of(site, attack), previous_timeout=patience)
        if site.attacks > 0:
            break
    assert site.attacks > 0
    assert {finding.kind for finding in report.findings} <= {"previous", "lost"}
    assert report.findings
    assert all(len(str(finding)) < 1000 and str(finding).isprintable() for finding in report.findings)
    alone = build(source, tmp_path / "alone")
    assert report.release == alone.release
    assert (
        contents(out).items()
        >= {
            path: content
            for path, content in contents(tmp_path / "alone").items()
            if path != "staticfiles.json"
        }.items()
    )
    assert not wrong_files(out)
    assert not temporaries(out)


def is_delta(path: str) -> bool:
    return path.endswith(DELTA)


def is_delta_of_unchanged(path: str) -> bool:
    return is_delta(path) and path.startswith("/static/unchanged.")


def put_with_deltas(source: Path, first: Path, name: str, number: int) -> None:
    """Build two releases of a style sheet, of which the second has a delta."""
    for content in range(number, number + 2):
        put(source, name, b"/* %d */\n" % content + RULES)
        build(source, first)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("attack", ATTACKS[::3])
def test_a_build_ends_whatever_a_site_does_when_it_is_asked_for_a_delta(
    source: Path, first: Path, out: Path, attack: Attack
) -> None:
    """Of a file that is retained, and of one that did not change."""
    put_with_deltas(source, first, "old.css", 0)
    put_with_deltas(source, first, "unchanged.css", 0)
    put(source, "old.css", b"/* 2 */\n" + RULES)
    with hostile_site(first, attack, is_delta) as site:
        report = build(source, out, previous=url_of(site, attack))
    if "tls" not in attack.__name__:
        assert site.attacks > 0
        assert report.findings == []
        assert report.deltas_made >= 2
    assert not wrong_files(out)
    assert not temporaries(out)


PARTS = [
    *(b"HTTP/1.1 %b x\r\n" % status for status in (b"200", b"302", b"308", b"407", b"-1", b"2000", b"\xff")),
    *(b"HTTP/1.0 200\r\n", b"HTTP/2 200 OK\r\n", b"ICY 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    *(b"Location: %b\r\n" % url for url in (b"/x", b"//[", b"\xff", b"http://[::1", b"/a b", b"?", b"")),
    *(b"Location: http://127.0.0.1:%b/\r\n" % port for port in (b"99999999", b"\xb2", b"", b"\0")),
    *(b"Content-Length: %b\r\n" % length for length in (b"5", b"-1", b"\xb2", b"1e9", b"9" * 5000)),
    *(b"Content-Encoding: %b\r\n" % coding for coding in (b"br", b"\xff", b"=?utf-8?q?=ff?=")),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"Connection: close\r\n"),
    *(b"Content-Type: text/html; charset=\xff\r\n", b"Content-Type: multipart/mixed; boundary=x\r\n"),
    *(b"X\r\n", b": x\r\n", b" folded\r\n", b"From x\r\n", b"--x\r\n", b"\n", b"\r", b"\0", b"\r\n", b"\r\n"),
    *(b"5\r\nhello\r\n", b"0\r\n\r\n", b"-5\r\n", b"1_0\r\n", b"0x5\r\n", b"\xb2\r\n", b"f" * 20 + b"\r\n"),
    *(b"{}", b'{"paths":{},"version":"1.1"}', b"x" * 70_000, b"\xff" * 100),
]


@pytest.mark.usefixtures("_impatient")
def test_no_answer_leads_to_an_error_that_a_build_does_not_expect(tmp_path: Path) -> None:
    """5,000 answers of this kind led to none, when this was written."""
    choice = random.Random(12)
    errors: list[str] = []

    def answer(exchange: Exchange) -> None:
        exchange.send(choice.choice(PARTS[:11]), *choice.choices(PARTS, k=choice.randrange(12)))

    with hostile_site(tmp_path, answer) as hostile:
        for number in range(150):
            site = PreviousSite(f"http://127.0.0.1:{hostile.port}", "/static/")
            try:
                b"".join(site.read("a", "identity", 5)) if number % 2 else site.manifest()
            except (UnreachableError, ManifestError) as error:
                errors.append(str(error))
    assert errors
    assert all(error.isprintable() and len(error) < 700 for error in errors)


@pytest.mark.usefixtures("_impatient")
def test_a_name_look_up_that_does_not_end_is_left_behind(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    is_over = threading.Event()
    request.addfinalizer(is_over.set)

    def look_up(*arguments: object, **more: object) -> object:
        is_over.wait()
        raise OSError("too late")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    report = build(source, out, previous="http://hostile.example/")
    assert [finding.kind for finding in report.warnings] == ["previous"]


def test_no_thread_of_an_interrupted_build_writes_to_the_output_afterwards(
    source: Path, first: Path, out: Path
) -> None:
    change(source)
    (source / "b.txt").write_bytes(b"another")
    build(source, first)
    for name in ("a.txt", "b.txt"):
        (source / name).write_bytes(b"a third text, long enough to be worth compressing\n" * 20)

    def interrupt(step: str, done: int, total: int) -> None:
        if step == "retain":
            raise KeyboardInterrupt

    waiting: list[str] = []

    def wait_for_the_other(exchange: Exchange) -> None:
        waiting.append(exchange.path)
        wait_until(lambda: len({path[:10] for path in waiting}) >= 2)
        if exchange.path.startswith("/static/a."):
            exchange.respond(b"wrong")
        else:
            exchange.hang()

    def is_waited_for(path: str) -> bool:
        return path.startswith(("/static/a.", "/static/b."))

    with hostile_site(first, wait_for_the_other, is_waited_for) as site:
        with pytest.raises(KeyboardInterrupt) as raised:  # the error keeps every frame of the build
            build(source, out, previous=f"http://127.0.0.1:{site.port}", on_progress=interrupt)
        names = [thread.name for thread in threading.enumerate()]
        assert not [name for name in names if name.startswith(("hashserve-restore", "ThreadPoolExecutor"))]
        assert not temporaries(out)
        del raised


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("target", [is_manifest, is_text, is_delta, is_delta_of_unchanged])
def test_a_signal_ends_a_build_that_waits_for_a_site(
    source: Path, out: Path, first: Path, number: int, target: Callable[[str], bool]
) -> None:
    build(source, out)
    before = contents(out)
    # The site has a release that the output does not know.
    (first / "staticfiles.json").unlink()
    change(source)
    put_with_deltas(source, first, "old.css", 0)
    put_with_deltas(source, first, "unchanged.css", 0)
    site_texts = manifest_of(first)
    put(source, "old.css", b"/* 2 */\n" + RULES)
    change(source)
    (source / "a.txt").write_bytes(b"a third text, long enough to be worth compressing\n" * 20)
    with hostile_site(first, silence, target) as site:
        process = subprocess.Popen(
            command("build", source, "--out", out, "--previous", f"http://127.0.0.1:{site.port}"),
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_until(lambda: site.attacks)
        process.send_signal(number)
        # The site is silent for longer, and would be given 20 seconds.
        _, told = process.communicate(timeout=request_limits.TIMEOUT_SECONDS - 5)
    assert told.endswith("; the release in force is complete\n")
    assert process.returncode == 128 + number
    assert {path: content for path, content in contents(out).items() if path in before} == before
    assert not temporaries(out)
    assert site_texts.release != manifest_of(out).release
    assert run("build", source, "--out", out).returncode == 0  # the lock is free
