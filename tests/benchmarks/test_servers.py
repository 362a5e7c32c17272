"""The measured servers: each starts, answers correctly and stops, and its processor time is counted."""

from __future__ import annotations

import http.client
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from benchmarks.file_servers import FILE_SERVERS, FileServer
from benchmarks.harness import Sample, Series
from benchmarks.load import Load, LoadError, check, outcome_of
from benchmarks.mix import Mix, build_mix
from benchmarks.options import Options
from benchmarks.processes import StartError, processor_seconds, running_command, running_server
from benchmarks.profiles import KERNEL, LIBRARIES, PYTHON, SERVER, shares_in
from benchmarks.servers import (
    RATE,
    SUBJECTS,
    TIME,
    failures,
    loads_of,
    run,
    running_file_server,
    running_subject,
    share_table,
    targets,
)
from benchmarks.subjects import HASHSERVE
from benchmarks.wsgi_servers import WSGI_SERVERS, WSGIServer
from tests.support.npm_trees import TreeUnavailableError
from tests.support.parts import missing, parts_of_server, require_tool

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the servers are POSIX's")

WAITRESS = next(server for server in WSGI_SERVERS if server.name == "waitress")


@pytest.fixture(scope="module")
def mix(tmp_path_factory: pytest.TempPathFactory) -> Mix:
    """The requested files."""
    try:
        return build_mix(tmp_path_factory.mktemp("mix") / "static")
    except TreeUnavailableError as error:
        missing(str(error), "npm")


# The mix


def test_the_mix_is_like_a_page(mix: Mix) -> None:
    assert len(mix.sent) == 20
    assert mix.size == 842_000
    assert 200_000 < sum(map(len, mix.sent.values())) < 300_000
    assert len(set(mix.sent.values())) == 20


# Servers


@pytest.mark.parametrize("server", WSGI_SERVERS, ids=lambda server: server.name)
def test_a_server_starts_answers_correctly_and_stops(server: WSGIServer, mix: Mix) -> None:
    if reason := server.missing():
        missing(reason, *parts_of_server(server.name))

    with running_subject(server, HASHSERVE, mix) as running:  # this requests every file twice
        family = [running.process, *running.process.children(recursive=True)]
        assert processor_seconds(running.process) > 0

    # A child of the server's may end a moment after it.
    assert psutil.wait_procs(family, timeout=60)[1] == []


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_subject_serves_every_file(subject: str, mix: Mix) -> None:
    with running_subject(WAITRESS, subject, mix) as running:
        assert running.subject == subject


@pytest.mark.parametrize("server", FILE_SERVERS, ids=lambda server: server.name)
def test_a_file_server_serves_the_same_files_with_brotli(server: FileServer, mix: Mix) -> None:
    if reason := server.missing():
        missing(reason, *parts_of_server(server.name))

    with running_file_server(server, mix) as running:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        connection.request("GET", f"/static/{mix.one}", headers={"Accept-Encoding": "br"})
        response = connection.getresponse()
        response.read()
        connection.close()

    assert response.headers["Content-Encoding"] == "br"
    assert "immutable" in response.headers["Cache-Control"]


def test_a_wrong_response_is_an_error(mix: Mix) -> None:
    with (
        running_subject(WAITRESS, HASHSERVE, mix) as running,
        pytest.raises(LoadError, match=r"status 200 and 15527 bytes \(br\)"),
    ):
        check(running.port, {f"/static/{mix.one}": b"something else"})


# Processes


def test_a_server_that_does_not_start_reports_its_error() -> None:
    def command(port: int) -> list[str]:
        return [sys.executable, "-c", "raise SystemExit('no such thing')"]

    with (
        pytest.raises(StartError, match=r"the server ended before it listened\n(?s:.*)no such thing"),
        running_server(command),
    ):
        pass


@pytest.fixture
def family() -> Iterator[psutil.Process]:
    """A process that waits for its child, which runs an endless loop."""
    child = f"import subprocess, sys; subprocess.run([{sys.executable!r}, '-c', 'while True: pass'])"
    with running_command([sys.executable, "-c", child]) as process:
        yield process


def test_the_processor_time_of_children_counts(family: psutil.Process) -> None:
    deadline = time.monotonic() + 60
    while processor_seconds(family) < 0.5:
        assert time.monotonic() < deadline
        time.sleep(0.05)

    (child,) = family.children()
    assert child.cpu_times().user > 0.2


# Load


def test_the_output_of_a_load_is_read() -> None:
    found = outcome_of(
        "RunningSubject 1s test\n"
        '{"requests": 50, "seconds": 2.0, "bytes": 9, "p50": 0.1, "p99": 0.2, "lost": 1, "refused": 0}\n'
    )

    assert (found.rate, found.p99, found.lost) == (25.0, 0.2, 1)


@pytest.mark.parametrize(
    "line",
    [
        "unable to connect",
        '{"requests": 0, "seconds": 1.0, "bytes": 0, "p50": 0, "p99": 0, "lost": 9, "refused": 0}',
    ],
)
def test_a_load_without_a_response_is_an_error(line: str) -> None:
    with pytest.raises(LoadError):
        outcome_of(line)


def test_a_load_requests_its_paths_in_turn(mix: Mix) -> None:
    require_tool("wrk")
    everything = loads_of(mix)[0]

    with running_subject(WAITRESS, HASHSERVE, mix) as running:
        outcome = Load(name="mix", paths=everything.paths, connections=2).send(running.port, 1)

    assert outcome.refused == outcome.lost == 0
    # The average is that of the mix, except for unfinished rounds and the response fields.
    average = sum(map(len, mix.sent.values())) / len(mix.sent)
    assert average * 0.8 < outcome.bytes / outcome.requests < average * 1.3 + 1000


# Profiles


def test_each_binary_has_an_owner() -> None:
    report = (
        "    60.00%  [kernel.kallsyms]\n"
        "    15.50%  _granian.cpython-311-x86_64-linux-gnu.so\n"
        "    14.00%  libpython3.11.so.1.0\n"
        "     6.00%  python3.11\n"
        "     4.00%  libc.so.6\n"
        "     0.50%  [vdso]\n"
    )

    found = shares_in(report, "granian")

    assert found == pytest.approx({KERNEL: 0.6, SERVER: 0.155, PYTHON: 0.2, LIBRARIES: 0.045})


def test_there_is_no_profile_without_permission() -> None:
    assert shares_in("Error: access to performance monitoring is limited", "granian") is None


# Analysis


def test_servers_are_chosen_by_a_word_of_their_name() -> None:
    options = Options(only=("GTHREAD", "bjoern"))

    assert [server.name for server in WSGI_SERVERS if options.includes(server.name)] == [
        "gunicorn gthread",
        "bjoern",
    ]


def a_series(metric: str, **values: float) -> Series:
    """Make a series of the mix under granian."""
    return Series(
        Sample(case="granian: mix", subject=subject, metric=metric, process=0, turn=0, value=value)
        for subject, value in values.items()
    )


def test_without_wrk_the_report_has_only_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    report = run(Options(quick=True))

    assert report.notes == ["Not measured: wrk is not installed."]
    assert not report.series.samples


def test_the_targets_are_those_of_rate_and_cost() -> None:
    series = a_series(RATE, constant=100, hashserve=96, nginx=200)
    series.extend(a_series(TIME, hashserve=2.0, WhiteNoise=1.0).samples)

    found = {target.name: target.is_met for target in targets(series, ["granian"])}

    assert found == {
        "granian, mix: rate over the constant application's": True,
        "granian, mix: CPU over WhiteNoise's": False,
        "granian, the fastest, mix: rate over nginx's": False,
    }


def test_the_cost_that_hashserve_adds_is_a_share_of_the_servers_time() -> None:
    series = a_series(TIME, hashserve=20e-6)
    profiled = {"granian": {KERNEL: 0.5, SERVER: 0.2, PYTHON: 0.2, LIBRARIES: 0.1}}

    assert share_table(series, profiled, 0.5e-6).splitlines()[-1].split("|")[-2].strip() == "2.5 %"
    assert "–" in share_table(series, profiled, None)


def test_refused_requests_are_reported() -> None:
    series = a_series("refused_requests", WhiteNoise=12, hashserve=0)
    series.extend(a_series("lost_connections", WhiteNoise=0, hashserve=0).samples)

    assert list(failures(series)) == ["WhiteNoise, granian: mix: 0 and 12"]


def test_the_configuration_of_a_file_server_stays_in_its_folder(tmp_path: Path) -> None:
    for server in FILE_SERVERS:
        folder = tmp_path / server.name
        folder.mkdir()

        command = server.command(folder, tmp_path, 8000)

        assert any(str(folder) in word for word in command)
        assert {place.name for place in folder.iterdir()} == {"configuration", "site"}
