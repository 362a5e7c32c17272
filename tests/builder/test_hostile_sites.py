"""Whatever a previous site does, the build ends by itself, and publishes what it would without that site."""

from __future__ import annotations

import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from hashserve.builder import build
from hashserve.builder.releases import request_limits
from tests.support.building import command, contents, manifest_of, run, temporaries, wrong_files
from tests.support.hostile_sites import ATTACKS, Attack, HostileSite, hostile_site, silence
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
    source: Path, first: Path, out: Path, tmp_path: Path, attack: Attack, target: Callable[[str], bool]
) -> None:
    change(source)
    with hostile_site(first, attack, target) as site:
        report = build(source, out, previous=url_of(site, attack), previous_timeout=1)
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("target", [is_manifest, is_text])
def test_a_signal_ends_a_build_that_waits_for_a_site(
    source: Path, out: Path, first: Path, number: int, target: Callable[[str], bool]
) -> None:
    build(source, out)
    before = contents(out)
    # The site has a release that the output does not know.
    (first / "staticfiles.json").unlink()
    change(source)
    build(source, first)
    site_texts = manifest_of(first)
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
