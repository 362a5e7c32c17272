"""Bringing the previous release over: from a folder, from a site that runs, and from one that lies."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hashserve import BuildError, HashServe, Manifest, SettingError
from hashserve.builder import BuildReport, BuildSettings, build
from hashserve.builder.releases import previous_site
from hashserve.builder.releases.errors import MismatchError, UnreachableError
from hashserve.builder.releases.previous import PreviousFolder, open_previous
from hashserve.builder.releases.previous_site import PreviousSite
from hashserve.digests import digest_of
from hashserve.http.codings import CODINGS
from tests.support.building import contents, manifest_of, put, temporaries, wrong_files
from tests.support.client import request, wrapped_application

TEXT = b"a text that is long enough to be worth compressing\n" * 20

_SERVE = """
import sys
from waitress import serve
from hashserve import HashServe

def application(environ, start_response):
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"not here"]

serve(
    HashServe(application, root=sys.argv[1], publish_manifest=True),
    host="127.0.0.1", port=int(sys.argv[2]), _quiet=True,
)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running_site(out: Path) -> Iterator[str]:
    """Serve an output by a real server in a process of its own; gives the URL of the site."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-c", _SERVE, out, str(port)])
    try:
        while True:
            assert process.poll() is None
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    put(folder, "css/app.css", b"body { background: url(../img/dot.svg) }\n" * 20)
    put(folder, "img/dot.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    put(folder, "a.txt", TEXT)
    put(folder, "zwölf boxkämpfer.txt", TEXT + b"12")
    return folder


@pytest.fixture
def first(source: Path, tmp_path: Path) -> Path:
    """The output of the release before, in a folder of its own."""
    out = tmp_path / "first"
    build(source, out)
    return out


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def change(source: Path) -> None:
    put(source, "a.txt", TEXT + b"changed")


def lost(report: BuildReport) -> list[str]:
    return [finding.path for finding in report.findings if finding.kind == "lost"]


def assert_brought_over(first: Path, out: Path) -> None:
    """Every URL of the old release is immutable in the new output, and byte-equal in every coding."""
    old = manifest_of(first)
    assert not wrong_files(out)
    assert [release.id for release in manifest_of(out).releases] == [old.release]
    servers = [HashServe(wrapped_application, root=root) for root in (first, out)]
    for path in old.files:
        for coding in ("identity", "br", "gzip"):
            replies = [request(server, f"/static/{path}", accept_encoding=coding) for server in servers]
            assert replies[0].status == 200
            assert replies[1].headers == replies[0].headers
            assert replies[1].body == replies[0].body
            assert "immutable" in replies[1]["Cache-Control"]


# Places that tell the truth


def test_a_folder_gives_what_an_empty_disk_lacks(source: Path, first: Path, out: Path) -> None:
    change(source)
    report = build(source, out, BuildSettings(previous=str(first)))
    assert report.warnings == []
    assert report.compressed == 2  # the changed file, in two codings
    assert (report.retained_releases, report.retained_files) == (1, 1)
    assert_brought_over(first, out)


@pytest.mark.parametrize("path", ["", "/static", "/static/"])
def test_a_running_site_gives_what_an_empty_disk_lacks(
    source: Path, first: Path, out: Path, path: str
) -> None:
    change(source)
    with running_site(first) as url:
        report = build(source, out, BuildSettings(previous=url + path, require_previous=True))
    assert report.warnings == []
    assert report.compressed == 2
    assert_brought_over(first, out)


def test_unchanged_content_is_not_compressed_again_on_an_empty_disk(
    source: Path, first: Path, out: Path
) -> None:
    with running_site(first) as url:
        report = build(source, out, BuildSettings(previous=url))
    assert report.compressed == 0
    assert report.release == manifest_of(first).release
    assert contents(out) == contents(first)  # the manifest with its date too


def test_a_variant_that_the_last_release_found_not_worth_it_is_not_tried_again(
    source: Path, out: Path, tmp_path: Path
) -> None:
    put(source, "noise.txt", os.urandom(2000))
    build(source, tmp_path / "first")
    report = build(source, out, BuildSettings(previous=str(tmp_path / "first")))
    assert report.compressed == 0


def test_over_five_releases_the_last_ones_are_kept_and_unchanged_files_stored_once(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day, previous, releases = 86_400, None, []
    for number in range(5):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", str(1_800_000_000 + number * day))
        put(source, "a.txt", TEXT + b"%d" % number)
        out = tmp_path / f"out-{number}"
        build(source, out, BuildSettings(keep=3, keep_days=1, previous=previous))
        previous = str(out)
        releases.append(manifest_of(out).release)
    manifest = manifest_of(out)
    assert [release.id for release in manifest.releases] == [releases[3], releases[2]]
    assert [release.created for release in manifest.releases] == [
        1_800_000_000 + 3 * day,
        1_800_000_000 + 2 * day,
    ]
    assert len([path for path in manifest.files if path.startswith("css/")]) == 1
    assert len([path for path in manifest.files if path.startswith("a.")]) == 3
    assert not wrong_files(out)


def test_a_rollback_brings_the_old_content_back_under_its_old_names_and_compresses_nothing(
    source: Path, tmp_path: Path
) -> None:
    outs = [tmp_path / name for name in ("one", "two", "three")]
    for out, content, previous in zip(outs, (TEXT, TEXT + b"2", TEXT), (None, outs[0], outs[1]), strict=True):
        put(source, "a.txt", content)
        settings = BuildSettings(previous=None if previous is None else str(previous))
        report = build(source, out, settings)
    one, two, three = map(manifest_of, outs)
    assert report.compressed == 0
    assert three.release == one.release
    assert three.paths == one.paths
    assert [release.id for release in three.releases] == [two.release]
    assert (outs[2] / "a.txt").read_bytes() == TEXT
    assert not wrong_files(outs[2])


def test_a_site_and_an_output_that_is_behind_it_give_the_releases_in_order_of_their_time(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, live = tmp_path / "out", tmp_path / "live"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    build(source, out)
    behind = manifest_of(out).release
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800001000")
    put(source, "a.txt", TEXT + b"live")
    build(source, live)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800002000")
    put(source, "a.txt", TEXT + b"new")
    build(source, out, BuildSettings(previous=str(live)))
    assert [release.id for release in manifest_of(out).releases] == [manifest_of(live).release, behind]


def test_a_release_of_djangos_storage_is_retained_from_the_same_folder(source: Path, out: Path) -> None:
    put(out, "a.0123456789ab.txt", b"as Django had it")
    put(out, "staticfiles.json", b'{"paths": {"a.txt": "a.0123456789ab.txt"}, "version": "1.1", "hash": "d"}')
    report = build(source, out)
    assert report.warnings == []
    record = manifest_of(out).record("a.0123456789ab.txt")
    assert record is not None
    assert record.sha256 == digest_of([b"as Django had it"])
    assert not wrong_files(out)


def test_what_djangos_manifest_lists_and_nobody_can_prove_is_left_out(
    source: Path, out: Path, tmp_path: Path
) -> None:
    django = tmp_path / "django"
    put(django, "a.0123456789ab.txt", b"as Django had it")
    put(
        django,
        "staticfiles.json",
        b'{"paths": {"a.txt": "a.0123456789ab.txt"}, "version": "1.1", "hash": "d"}',
    )
    assert lost(build(source, out, BuildSettings(previous=str(django)))) == ["a.0123456789ab.txt"]


# Places that cannot be had


@pytest.mark.parametrize("where", ["nowhere", "http://127.0.0.1:{port}/"])
def test_an_unreachable_previous_release_is_a_warning_or_a_failure_as_one_likes(
    source: Path, out: Path, tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashserve.builder.releases.previous_site.MAX_ATTEMPTS", 1)
    where = where.format(port=free_port())
    where = where if where.startswith("http") else str(tmp_path / where)
    report = build(source, out, BuildSettings(previous=where, strict=True))
    assert [finding.kind for finding in report.warnings] == ["previous"]
    with pytest.raises(BuildError, match="the previous release cannot be loaded"):
        build(source, tmp_path / "other", BuildSettings(previous=where, require_previous=True))
    assert not (tmp_path / "other/staticfiles.json").exists()


@pytest.mark.parametrize("where", ["s3://bucket/static", "ftp://example.com/", "http://[::1/"])
def test_a_url_that_names_no_place_is_a_setting_that_means_nothing(
    source: Path, out: Path, where: str
) -> None:
    with pytest.raises(SettingError, match="previous="):
        build(source, out, BuildSettings(previous=where))


def test_a_scheme_may_be_in_any_case() -> None:
    assert isinstance(open_previous("HTTPS://example.com", "/static/"), PreviousSite)
    assert isinstance(open_previous("some/folder", "/static/"), PreviousFolder)


# A site that lies

Lie = Callable[["Liar", str], None]


class Liar(http.server.BaseHTTPRequestHandler):
    """Serves ``root`` as it is, but for one path, which it lies about."""

    root: Path
    lie_path: str
    lie: Lie

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = urllib.request.unquote(self.path).removeprefix("/static/")  # type: ignore[attr-defined]
        if path == ".well-known/hashserve.json":
            path = "staticfiles.json"
        if path == type(self).lie_path:
            type(self).lie(self, path)
        else:
            self.tell_truth(path)

    def coded(self, path: str) -> tuple[str, bytes]:
        coding = self.headers["Accept-Encoding"]
        suffix = CODINGS[coding].suffix if coding in CODINGS else ""
        if not suffix or not (self.root / (path + suffix)).exists():
            return "identity", (self.root / path).read_bytes()
        return coding, (self.root / (path + suffix)).read_bytes()

    def tell_truth(self, path: str) -> None:
        coding, body = self.coded(path)
        self.say(200, body, coding=coding)

    def say(
        self,
        status: int,
        body: bytes,
        *,
        coding: str = "identity",
        length: int | None = None,
        location: str = "",
    ) -> None:
        self.send_response(status)
        if coding != "identity":
            self.send_header("Content-Encoding", coding)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


@contextmanager
def lying_site(root: Path, path: str, lie: Lie) -> Iterator[str]:
    handler = type("ThisLiar", (Liar,), {"root": root, "lie_path": path, "lie": staticmethod(lie)})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def hang(liar: Liar, path: str) -> None:
    liar.send_response(200)
    liar.send_header("Content-Length", "100")
    liar.end_headers()
    liar.close_connection = True
    time.sleep(0.6)


def drip(liar: Liar, path: str) -> None:
    liar.send_response(200)
    liar.send_header("Content-Length", "100000")
    liar.end_headers()
    liar.close_connection = True
    for _ in range(40):
        try:
            liar.wfile.write(b"x")
        except OSError:
            return
        time.sleep(0.05)


def wrong(liar: Liar, path: str) -> None:
    liar.say(200, bytes(len(liar.coded(path)[1])))


def truncated(liar: Liar, path: str) -> None:
    coding, body = liar.coded(path)
    liar.say(200, body[:-1], coding=coding, length=len(body))


def shorter(liar: Liar, path: str) -> None:
    coding, body = liar.coded(path)
    liar.say(200, body[:-1], coding=coding)


def longer(liar: Liar, path: str) -> None:
    coding, body = liar.coded(path)
    liar.say(200, body + b"x", coding=coding)


def wrong_coding(liar: Liar, path: str) -> None:
    liar.say(200, b"x", coding="deflate")


def redirect_elsewhere(liar: Liar, path: str) -> None:
    liar.say(302, b"", location="/static/img/dot.svg")


def redirect_in_a_circle(liar: Liar, path: str) -> None:
    liar.say(302, b"", location=liar.path)


def no_http(liar: Liar, path: str) -> None:
    liar.wfile.write(b"this is no HTTP\r\n\r\n")
    liar.close_connection = True


def not_found(liar: Liar, path: str) -> None:
    liar.say(404, b"")


def server_error(liar: Liar, path: str) -> None:
    liar.say(500, b"")


def drip_head(liar: Liar, path: str) -> None:
    liar.close_connection = True
    for _ in range(40):
        try:
            liar.connection.sendall(b"H")
        except OSError:
            return
        time.sleep(0.05)


LIES: list[Lie] = [
    wrong,
    truncated,
    shorter,
    longer,
    wrong_coding,
    redirect_elsewhere,
    redirect_in_a_circle,
    no_http,
    not_found,
    server_error,
    hang,
    drip,
    drip_head,
]


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashserve.builder.releases.limited_http.TIMEOUT_SECONDS", 0.3)
    monkeypatch.setattr("hashserve.builder.releases.previous_site.MAX_ATTEMPTS", 2)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("lie", LIES)
def test_a_lie_about_a_file_is_reported_and_left_out(source: Path, first: Path, out: Path, lie: Lie) -> None:
    path = manifest_of(first).paths["a.txt"]
    change(source)
    with lying_site(first, path, lie) as url:
        report = build(source, out, BuildSettings(previous=url))
    assert lost(report) == [path]
    assert not (out / path).exists()
    assert path not in manifest_of(out).files
    assert not wrong_files(out)
    assert not temporaries(out)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("lie", LIES)
def test_a_lie_about_a_variant_costs_the_variant_or_the_time_to_make_it(
    source: Path, first: Path, out: Path, lie: Lie
) -> None:
    """The lie is about the bytes of a style sheet that did not change: only its variants are asked for."""
    path = manifest_of(first).paths["css/app.css"]
    change(source)
    with lying_site(first, path, lie) as url:
        report = build(source, out, BuildSettings(previous=url))
    assert report.compressed == 4  # the changed file's variants, and those that nobody had
    assert not wrong_files(out)
    record = manifest_of(out).record(path)
    assert record is not None
    assert record.variants.keys() == {"br", "gzip"}


def edited(first: Path, edit: Callable[[dict[str, object]], None]) -> None:
    document = json.loads((first / "staticfiles.json").read_text())
    edit(document)
    (first / "staticfiles.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b'{"paths"',
        b"{}",
        b"\xff\xfe",
        b'{"paths": {"a": "../../etc/passwd"}, "version": "1.1"}',
    ],
)
def test_a_manifest_that_is_none_is_reported_and_nothing_is_brought_over(
    source: Path, first: Path, out: Path, content: bytes
) -> None:
    change(source)
    with lying_site(first, "staticfiles.json", lambda liar, path: liar.say(200, content)) as url:
        report = build(source, out, BuildSettings(previous=url))
        with pytest.raises(BuildError, match="the previous release cannot be loaded"):
            build(source, out, BuildSettings(previous=url, require_previous=True))
    assert [finding.kind for finding in report.warnings] == ["previous"]
    assert manifest_of(out).releases == ()


def test_a_manifest_without_an_end_is_not_read_to_it(first: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashserve.builder.releases.previous_site.MAX_MANIFEST_BYTES", 100)
    with lying_site(first, "", wrong) as url, pytest.raises(ValueError, match="is longer than 100 bytes"):
        PreviousSite(url, "/static/").manifest()


EVIL = b"evil content, with a digest that is right\n" * 10


@pytest.mark.parametrize(
    "path",
    [
        "staticfiles.json",
        "a.txt",
        "css/app.css",
        "a.txt.br",
        ".hashserve/state.json",
        "css",
        "a.txt/deeper",
        "n" * 300,
    ],
)
def test_a_manifest_cannot_take_a_name_that_the_build_needs(
    source: Path, first: Path, out: Path, path: str
) -> None:
    row = f"{len(EVIL)} {digest_of([EVIL])} 0 0"

    def add(document: dict[str, object]) -> None:
        document["paths"]["evil.txt"] = path  # type: ignore[index]
        document["hashserve"]["files"][path] = row  # type: ignore[index]

    edited(first, add)
    expected = out.with_name("expected")
    change(source)
    build(source, expected)
    serve_evil: Lie = lambda liar, _: liar.say(200, EVIL)  # noqa: E731
    lie_path = path if path != "staticfiles.json" else "never"
    with lying_site(first, lie_path, serve_evil) as url:
        report = build(source, out, BuildSettings(previous=url))
    assert path in lost(report)
    assert EVIL not in contents(out).values()
    assert not wrong_files(out)
    assert manifest_of(out).paths == manifest_of(expected).paths
    assert b"evil" not in (out / ".hashserve/state.json").read_bytes()


@pytest.mark.usefixtures("_impatient")
def test_a_site_that_stops_answering_is_not_asked_for_every_file(
    first: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hashserve.builder.releases.previous_site.MAX_ATTEMPTS", 1)
    site = PreviousSite(f"http://127.0.0.1:{free_port()}", "/static/")
    for _ in range(3):
        with pytest.raises(UnreachableError, match="refused"):
            list(site.read("a.txt"))
    with pytest.raises(UnreachableError, match="not requested, since 3 requests in a row had no answer"):
        list(site.read("a.txt"))


class Clock:
    """A clock that only a test moves."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


def test_a_site_gets_no_more_requests_once_they_have_taken_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashserve.builder.releases.previous_site.MAX_SITE_SECONDS", -1)
    site = PreviousSite("http://127.0.0.1:1", "/static/")
    with pytest.raises(UnreachableError, match="not requested: requests to this site have taken over -1 s"):
        list(site.read("a.txt"))


def test_requests_at_the_same_time_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(previous_site, "time", clock)
    limits = previous_site._SiteLimits()
    with limits.timed(), limits.timed():
        clock.now += previous_site.MAX_SITE_SECONDS
    limits.check_time()
    clock.now += 1000
    limits.check_time()
    with limits.timed():
        clock.now += 1
        with pytest.raises(TimeoutError):
            limits.check_time()


def test_a_pipe_in_the_folder_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(UnreachableError, match="is not a regular file"):
        list(PreviousFolder(str(tmp_path)).read("a.txt"))


def test_a_file_that_is_gone_from_the_folder_is_reported(source: Path, first: Path, out: Path) -> None:
    path = manifest_of(first).paths["a.txt"]
    (first / path).unlink()
    change(source)
    assert lost(build(source, out, BuildSettings(previous=str(first)))) == [path]


def test_what_a_release_lost_is_lost_without_a_place_to_bring_it_from(source: Path, out: Path) -> None:
    build(source, out)
    old = manifest_of(out).paths["a.txt"]
    (out / old).unlink()
    change(source)
    assert lost(build(source, out)) == [old]
    assert old not in manifest_of(out).files


def test_an_output_that_cannot_take_what_is_brought_over_fails_the_build(
    source: Path, first: Path, out: Path
) -> None:
    change(source)
    build(source, out)
    shutil.rmtree(out / "css")
    (out / "css").symlink_to("/dev/null")
    with pytest.raises(BuildError, match="css: is in the way of 'css' in the new release"):
        build(source, out, BuildSettings(previous=str(first)))


# Errors


def test_errors_say_where(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"staticfiles\.json: No such file"):
        PreviousFolder(str(tmp_path)).manifest()
    with pytest.raises(UnreachableError, match=r"a\.txt: No such file"):
        list(PreviousFolder(str(tmp_path)).read("a.txt"))
    assert str(MismatchError("a.txt", "is wrong")) == "a.txt: is wrong"
    assert isinstance(Manifest.loads('{"paths": {}, "version": "1.1"}'), Manifest)


@pytest.mark.parametrize("is_required", [True, False])
def test_a_site_that_goes_away_meanwhile_fails_a_build_that_requires_it_and_no_other(
    source: Path, first: Path, out: Path, is_required: bool
) -> None:
    (first / manifest_of(first).paths["a.txt"]).write_bytes(b"damaged")
    change(source)
    asked: list[str] = []

    def go_away(liar: Liar, path: str) -> None:
        asked.append(path)
        if len(asked) == 1:
            liar.tell_truth(path)
        else:
            liar.say(503, b"")

    with lying_site(first, "staticfiles.json", go_away) as url:
        settings = BuildSettings(previous=url, require_previous=is_required)
        if is_required:
            with pytest.raises(BuildError, match="the previous release became unreachable during the build"):
                build(source, out, settings)
        else:
            assert [finding.kind for finding in build(source, out, settings).warnings] == ["lost"]
    assert (out / "staticfiles.json").exists() is not is_required
    assert len(asked) == 1 + 3 * is_required


def test_a_file_that_the_required_site_does_not_have_whole_is_reported_and_no_more(
    source: Path, first: Path, out: Path
) -> None:
    (first / manifest_of(first).paths["a.txt"]).write_bytes(b"damaged")
    change(source)
    with running_site(first) as url:
        report = build(source, out, BuildSettings(previous=url, require_previous=True))
    assert [finding.kind for finding in report.warnings] == ["lost"]
