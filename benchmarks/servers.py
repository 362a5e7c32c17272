"""Requests under real servers: hashserve, its peers and a constant application, and nginx and Caddy.

Each server has one process, on other cores than the load if possible. wrk sends requests over the loopback
interface: for a mix of files like a page's (`benchmarks.mix`) and for one of them over 16 persistent
connections, for the same one over new connections, and for a film of 5 MB. The subjects of a server run at
the same time and are loaded in turns (A B C, A B C, ...), with nginx as the common reference. All responses
are checked first.

The constant application takes part twice. The memory layout makes one process faster than another, by more
than the time that hashserve needs for a hit. The ratio of the two shows by how much.

The processor time of a request is that of all processes of the server. Other work on the machine changes it
less than it changes requests per second. gunicorn's sync workers and pyuwsgi close every connection, as in
production.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from http.client import HTTPException
from pathlib import Path

import psutil

from benchmarks.corpus import build_site
from benchmarks.file_servers import CADDY, NGINX, FileServer
from benchmarks.harness import Sample, Series, Summary, rotated, run_worker
from benchmarks.load import Load, LoadError, Outcome, check
from benchmarks.mix import Mix, build_mix
from benchmarks.options import Options, options_of, parser, run_and_report
from benchmarks.processes import StartError, processor_seconds, running_server
from benchmarks.profiles import OWNERS, shares
from benchmarks.report import Report, Target, at_least, at_most, markdown_table, quantity
from benchmarks.subjects import CONSTANT, CONTROL, HASHSERVE, SERVESTATIC, WHITENOISE
from benchmarks.wsgi_servers import WSGI_SERVERS, WSGIServer
from tests.support.system_parts import find_executable

__all__ = ["CLOSING", "FILM", "MIX", "ONE_FILE", "RATE", "SUBJECTS", "TIME", "case_of", "run"]

APPLICATION = "benchmarks.subject_application:application"

SUBJECTS = (CONSTANT, HASHSERVE, CONTROL, WHITENOISE, SERVESTATIC)
LOADS = MIX, ONE_FILE, CLOSING, FILM = "mix", "one file", "one file, a connection each", "5 MB"

RATE, TIME = "requests_per_second", "processor_seconds_per_request"
P50, P99 = "p50_seconds", "p99_seconds"
LOST, REFUSED = "lost_connections", "refused_requests"

CONTROL_NOTE = (
    f"“{CONTROL}” is the constant application in a second process. A ratio closer to 1 than its ratio is "
    "noise. request_cost measures the cost that hashserve adds to a hit."
)

_UNITS = (("", 1.0), (" ms", 1e-6), (" ms", 1e-3), (" ms", 1e-3))
"""The units of the four metrics. A millisecond for 1,000 requests is a microsecond for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The length of each load in seconds, and the number of repetitions.

    Each of the ``rounds`` starts fresh processes and has ``turns``. The last rounds, from number
    ``mix_alone_from`` on, send only the mix, because only the mix has targets.
    """

    rounds: int
    turns: int
    seconds: int = 1
    mix_alone_from: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSubject:
    """A subject that answers on a port."""

    subject: str
    port: int
    process: psutil.Process


def loads_of(mix: Mix) -> tuple[Load, ...]:
    """Return the loads. Each is a case on every server."""
    one = (f"/static/{mix.one}",)
    return (
        Load(name=MIX, paths=[f"/static/{path}" for path in mix.sent]),
        Load(name=ONE_FILE, paths=one),
        Load(name=CLOSING, paths=one, is_closing=True),
        Load(name=FILM, paths=(f"/static/{mix.film}",), connections=4),
    )


def case_of(server: str, load: str) -> str:
    """Return the name of the case for a load on a server."""
    return f"{server}: {load}"


# Running the subjects


@contextmanager
def running_subject(server: WSGIServer, subject: str, mix: Mix) -> Iterator[RunningSubject]:
    """Run a subject under a WSGI server, and check its responses. Raises `StartError`."""
    environment = {"BENCHMARK_SUBJECT": subject, "BENCHMARK_ROOT": str(mix.root)}
    with running_server(lambda port: server.command(port, APPLICATION), environment) as (port, process):
        yield _checked(RunningSubject(subject=subject, port=port, process=process), mix)


@contextmanager
def running_file_server(server: FileServer, mix: Mix) -> Iterator[RunningSubject]:
    """Run nginx or Caddy, and check its responses. Raises `StartError`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = (lambda port: server.command(folder, mix.root, port), server.environment(folder))
        with running_server(*command) as (port, process):
            yield _checked(RunningSubject(subject=server.name, port=port, process=process), mix)


def _checked(running: RunningSubject, mix: Mix) -> RunningSubject:
    expected = {**mix.sent, mix.film: mix.film_bytes}
    try:
        check(running.port, {f"/static/{path}": body for path, body in expected.items()})
    except (LoadError, OSError, HTTPException) as error:
        raise StartError(str(error)) from error
    return running


@contextmanager
def running_subjects(
    server: WSGIServer | FileServer, mix: Mix, report: Report
) -> Iterator[list[RunningSubject]]:
    """Run all subjects on one server. The facts name those that fail."""
    with ExitStack() as stack:
        contexts = (
            {subject: running_subject(server, subject, mix) for subject in SUBJECTS}
            if isinstance(server, WSGIServer)
            else {server.name: running_file_server(server, mix)}
        )
        if NGINX.missing() is None:
            contexts[NGINX.name] = running_file_server(NGINX, mix)
        entered = (
            _entered(stack, context, report, f"{subject} does not take part under {server.name}")
            for subject, context in contexts.items()
        )
        yield [running for running in entered if running is not None]


def _entered(
    stack: ExitStack, context: AbstractContextManager[RunningSubject], report: Report, failure: str
) -> RunningSubject | None:
    try:
        return stack.enter_context(context)
    except StartError as error:
        report.facts.setdefault("failures", {})[failure] = str(error)
        return None


# Loading the subjects


def measure(
    server: str, subjects: Sequence[RunningSubject], loads: Sequence[Load], plan: Plan, process: int
) -> Iterator[Sample]:
    """Load all subjects in turns. Each turn begins with another subject."""
    for turn in range(plan.turns):
        for load in loads:
            # The control is for the targets, and only the mix has targets.
            loaded = [running for running in subjects if load.name == MIX or running.subject != CONTROL]
            for running in rotated(loaded, turn + process):
                before = processor_seconds(running.process)
                outcome = load.send(running.port, plan.seconds)
                seconds = processor_seconds(running.process) - before
                for metric, value in _values(outcome, seconds).items():
                    yield Sample(
                        case=case_of(server, load.name),
                        subject=running.subject,
                        metric=metric,
                        process=process,
                        turn=turn,
                        value=value,
                    )


def _values(outcome: Outcome, processor: float) -> dict[str, float]:
    return {
        RATE: outcome.rate,
        TIME: processor / outcome.requests,
        P50: outcome.p50,
        P99: outcome.p99,
        LOST: outcome.lost,
        REFUSED: outcome.refused,
    }


# The benchmark


def run(options: Options) -> Report:
    """Load every subject on every installed server. Without wrk, the report has only a note."""
    plan = Plan(rounds=1, turns=1) if options.quick else Plan(rounds=options.processes or 5, turns=1)
    report = Report(
        name="servers",
        settings={"processes": plan.rounds, "turns": plan.turns, "seconds": plan.seconds, "connections": 16},
    )
    if find_executable("wrk") is None:
        _add_absence(report, "wrk is not installed")
        analyse(report)
        return report
    chosen = [server for server in (*WSGI_SERVERS, CADDY) if options.includes(server.name)]
    present = []
    for server in chosen:
        if reason := server.missing():
            _add_absence(report, reason)
        else:
            present.append(server)
    if reason := NGINX.missing():
        _add_absence(report, reason)
    with tempfile.TemporaryDirectory() as folder:
        mix = build_mix(Path(folder) / "static")
        report.facts["mix"] = {
            "files": len(mix.sent),
            "size": mix.size,
            "sent": sum(map(len, mix.sent.values())),
        }
        # A smoke test sends only the mix, because every other load takes a second for each subject.
        loads = loads_of(mix)[:1] if options.quick else loads_of(mix)
        for process in range(plan.rounds):
            for server in rotated(present, process):
                print(f"{server.name}, {process + 1} of {plan.rounds}", file=sys.stderr, flush=True)
                with running_subjects(server, mix, report) as subjects:
                    sent = loads if process < plan.mix_alone_from else loads[:1]
                    report.series.extend(measure(server.name, subjects, sent, plan, process))
                    if process == plan.rounds - 1 and not options.quick:
                        profile(report, server, subjects, loads[0])
    if not options.quick:
        report.facts["added_seconds"] = added_seconds(plan.rounds)
    analyse(report)
    return report


def profile(
    report: Report, server: WSGIServer | FileServer, subjects: Sequence[RunningSubject], load: Load
) -> None:
    """Add the shares of hashserve's time on a server to the facts, if perf can profile here."""
    for running in subjects:
        if isinstance(server, WSGIServer) and running.subject == HASHSERVE:

            def work(port: int = running.port) -> None:
                load.send(port, 1)

            found = shares(running.process, work, server.distribution)
            if found:
                report.facts.setdefault("shares", {})[server.name] = found


def added_seconds(processes: int) -> float:
    """Return the seconds that a hit costs more than the constant application, measured in process."""
    series = Series()
    with tempfile.TemporaryDirectory() as folder:
        task = {"site": asdict(build_site(Path(folder))), "turns": 25, "least_seconds": 0.004}
        for process in range(processes):
            done = run_worker("benchmarks.request_cost", {**task, "process": process, "cases": ["hit, br"]})
            series.extend(Sample(**sample) for sample in done["samples"])
    return series.summary("hit, br", HASHSERVE, "seconds", minus=CONSTANT).median


def _add_absence(report: Report, reason: str) -> None:
    report.facts.setdefault("absent", []).append(reason)


def analyse(report: Report) -> None:
    """Make the tables, the notes and the targets."""
    cases = report.series.cases()
    servers = list(dict.fromkeys(case.partition(": ")[0] for case in cases))
    loads = [load for load in LOADS if any(case_of(server, load) in cases for server in servers)]
    report.tables = [
        (f"{load[0].upper()}{load[1:]}", load_table(report.series, servers, load)) for load in loads
    ]
    if profiled := report.facts.get("shares"):
        table = share_table(report.series, profiled, report.facts.get("added_seconds"))
        report.tables.append((f"Shares of processor time: hashserve, {MIX}", table))
    report.targets = targets(report.series, servers)
    report.notes = [
        *(f"Not measured: {reason}." for reason in report.facts.get("absent", [])),
        # A note has the first line of an error; the facts have all lines.
        *(f"{name}: {error.splitlines()[0]}." for name, error in report.facts.get("failures", {}).items()),
    ]
    if not cases:
        return
    report.notes += [
        "The mix is {files} files of {size:,} bytes, sent as {sent:,}.".format(**report.facts["mix"]),
        *([CONTROL_NOTE] if any(report.series.has(case, CONTROL, RATE) for case in cases) else []),
        *(f"Failed connections, and refused requests: {failed}." for failed in failures(report.series)),
    ]


def load_table(series: Series, servers: Sequence[str], load: str) -> str:
    """Return the figures of each server and subject for one load."""
    rows = []
    for server in servers:
        case = case_of(server, load)
        for subject in series.subjects(case, RATE):
            if subject == NGINX.name and server != servers[0]:
                continue
            found = [series.summary(case, subject, metric) for metric in (RATE, TIME, P50, P99)]
            cells = (
                *(
                    quantity(summary, unit, per_unit=size)
                    for summary, (unit, size) in zip(found, _UNITS, strict=True)
                ),
                *(
                    _ratio(series, case, subject, other, metric)
                    for other in (CONSTANT, NGINX.name)
                    for metric in (RATE, TIME)
                ),
            )
            rows.append((server if subject != NGINX.name else "–", subject, *cells))
    head = ("server", "", "requests/s", "CPU for 1,000", "p50", "p99")
    ratios = ("rate over constant's", "CPU", "rate over nginx's", "CPU")
    return markdown_table((*head, *ratios), rows)


def share_table(
    series: Series, profiled: Mapping[str, Mapping[str, float]], added_seconds: float | None
) -> str:
    """Return the shares of each server's time, and hashserve's own share without the constant application."""
    rows = []
    for server, found in profiled.items():
        seconds = series.summary(case_of(server, MIX), HASHSERVE, TIME).median
        own = "–" if added_seconds is None else f"{added_seconds / seconds * 100:.1f} %"
        rows.append((server, *(f"{found[owner] * 100:.0f} %" for owner in OWNERS), own))
    return markdown_table(("server", *OWNERS, "of Python: hashserve minus constant"), rows)


def _ratio(series: Series, case: str, over: str, under: str, metric: str) -> str:
    if over == under or not series.has(case, under, metric):
        return ""
    return quantity(series.ratio(case, over, under, metric), "x")


def failures(series: Series) -> Iterator[str]:
    """Yield each subject that lost connections or refused requests, with its case and both numbers."""
    for case in series.cases():
        for subject in series.subjects(case, LOST):
            lost, refused = (_total(series, case, subject, metric) for metric in (LOST, REFUSED))
            if lost or refused:
                yield f"{subject}, {case}: {lost:,.0f} and {refused:,.0f}"


def _total(series: Series, case: str, subject: str, metric: str) -> float:
    return sum(
        sample.value
        for sample in series.samples
        if (sample.case, sample.subject, sample.metric) == (case, subject, metric)
    )


def targets(series: Series, servers: Sequence[str]) -> list[Target]:
    """Return the targets of the mix, compared with the constant application, WhiteNoise and nginx."""
    found = []
    cases = {server: case_of(server, MIX) for server in servers}
    for server, case in cases.items():
        for name, make_target, over, metric, limit in (
            ("rate over the constant application's", at_least, CONSTANT, RATE, 0.95),
            ("CPU over WhiteNoise's", at_most, WHITENOISE, TIME, 1),
        ):
            if series.has(case, HASHSERVE, metric) and series.has(case, over, metric):
                ratio = series.ratio(case, HASHSERVE, over, metric)
                found.append(make_target(f"{server}, {MIX}: {name}", ratio, limit))
    best = _best(series, cases)
    if best is not None:
        server, ratio = best
        found.append(at_least(f"{server}, the fastest, {MIX}: rate over nginx's", ratio, 1))
    return found


def _best(series: Series, cases: Mapping[str, str]) -> tuple[str, Summary] | None:
    """Return the server with the highest ratio of hashserve's rate to nginx's, and the ratio."""
    ratios = {
        server: series.ratio(case, HASHSERVE, NGINX.name, RATE)
        for server, case in cases.items()
        if series.has(case, HASHSERVE, RATE) and series.has(case, NGINX.name, RATE)
    }
    return max(ratios.items(), key=lambda item: item[1].median) if ratios else None


if __name__ == "__main__":
    run_and_report(run, options_of(vars(parser(__doc__).parse_args())))
