"""hashserve, its peers and a constant application under real servers, compared with nginx and Caddy.

Each server answers with one process, on other cores than the load if possible. wrk sends requests over the
loopback interface: for a mix of files like a page's (`benchmarks.mix`) and for one of them over 16 persistent
connections, for that one over new connections, and for a film of 5 MB. On each server, the subjects run at
the same time and are loaded in turns (A B C, A B C, ...), with nginx as the common yardstick. The responses
of each are checked first.

The constant application takes part twice. The memory layout makes some processes faster than others, by more
than hashserve takes for a hit; the ratio of the two shows by how much.

The processor time of a request is that of all processes of the server: on a shared machine it is the steadier
figure. Requests per second are by the clock. gunicorn's sync workers and pyuwsgi close every connection, as
in production.
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
from benchmarks.engines import CADDY, ENGINES, NGINX, Engine, Front
from benchmarks.harness import Sample, Series, Summary, rotated, run_worker
from benchmarks.load import Load, LoadError, Outcome, check
from benchmarks.machine import tool
from benchmarks.mix import Mix, build_mix
from benchmarks.options import Options, options_of, parser, run_and_report
from benchmarks.processes import StartError, processor_seconds, started
from benchmarks.profiles import OWNERS, shares
from benchmarks.report import Report, Target, at_least, at_most, markdown_table, quantity
from benchmarks.subjects import CONSTANT, CONTROL, HASHSERVE, SERVESTATIC, WHITENOISE

__all__ = ["CLOSING", "FILM", "MIX", "ONE_FILE", "RATE", "SUBJECTS", "TIME", "case_of", "run"]

APPLICATION = "benchmarks.served:application"

SUBJECTS = (CONSTANT, HASHSERVE, CONTROL, WHITENOISE, SERVESTATIC)
LOADS = MIX, ONE_FILE, CLOSING, FILM = "mix", "one file", "one file, a connection each", "5 MB"

RATE, TIME = "requests_per_second", "processor_seconds_per_request"
MEDIAN, SLOW = "p50_seconds", "p99_seconds"
LOST, REFUSED = "lost_connections", "refused_requests"

CONTROL_NOTE = (
    f"“{CONTROL}” is the constant application once more, in a process of its own: what lies no further from "
    "1 than its ratio is the machine's doing. What hashserve adds to a hit itself, request_cost tells."
)

_FORMS = (("", 1.0), (" ms", 1e-6), (" ms", 1e-3), (" ms", 1e-3))
"""The units of the four metrics: a millisecond for 1,000 requests is a microsecond for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The length of each load in seconds, and its repetitions.

    There are ``rounds`` of fresh processes, with ``turns`` in each. From the round ``mix_alone_from`` on,
    only the mix is requested, which the targets use.
    """

    rounds: int
    turns: int
    seconds: int = 1
    mix_alone_from: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A subject that listens on a port."""

    subject: str
    port: int
    process: psutil.Process


def loads_of(mix: Mix) -> tuple[Load, ...]:
    """Return the loads; each is a case on every server."""
    one = (f"/static/{mix.one}",)
    return (
        Load(name=MIX, paths=[f"/static/{path}" for path in mix.sent]),
        Load(name=ONE_FILE, paths=one),
        Load(name=CLOSING, paths=one, is_closing=True),
        Load(name=FILM, paths=(f"/static/{mix.film}",), connections=4),
    )


def case_of(engine: str, load: str) -> str:
    """Return the name of the case of a load on a server."""
    return f"{engine}: {load}"


# Starting them


@contextmanager
def served(engine: Engine, subject: str, mix: Mix) -> Iterator[Running]:
    """Run a subject under a WSGI server. Raises `StartError`, for a wrong answer too."""
    named = {"BENCHMARK_SUBJECT": subject, "BENCHMARK_ROOT": str(mix.root)}
    with started(lambda port: engine.command(port, APPLICATION), named) as (port, process):
        yield _checked(Running(subject=subject, port=port, process=process), mix)


@contextmanager
def fronted(front: Front, mix: Mix) -> Iterator[Running]:
    """Run nginx or Caddy. Raises `StartError`, for a wrong answer too."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = (lambda port: front.command(folder, mix.root, port), front.environment(folder))
        with started(*command) as (port, process):
            yield _checked(Running(subject=front.name, port=port, process=process), mix)


def _checked(running: Running, mix: Mix) -> Running:
    expected = {**mix.sent, mix.film: mix.film_bytes}
    try:
        check(running.port, {f"/static/{path}": body for path, body in expected.items()})
    except (LoadError, OSError, HTTPException) as error:
        raise StartError(str(error)) from error
    return running


@contextmanager
def group(engine: Engine | Front, mix: Mix, report: Report) -> Iterator[list[Running]]:
    """Run all subjects on one server; a note names those that cannot run."""
    with ExitStack() as stack:
        makers = (
            {subject: served(engine, subject, mix) for subject in SUBJECTS}
            if isinstance(engine, Engine)
            else {engine.name: fronted(engine, mix)}
        )
        if NGINX.missing() is None:
            makers[NGINX.name] = fronted(NGINX, mix)
        entered = (
            _entered(stack, maker, report, f"{subject} does not take part under {engine.name}")
            for subject, maker in makers.items()
        )
        yield [running for running in entered if running is not None]


def _entered(
    stack: ExitStack, maker: AbstractContextManager[Running], report: Report, otherwise: str
) -> Running | None:
    try:
        return stack.enter_context(maker)
    except StartError as error:
        _note(report, otherwise, str(error))
        return None


def _note(report: Report, failure: str, reason: str) -> None:
    report.facts.setdefault("failures", {})[failure] = reason


# Loading them


def measure(
    engine: str, group: Sequence[Running], loads: Sequence[Load], pace: Pace, process: int
) -> Iterator[Sample]:
    """Load all running subjects in turns; each turn begins with another one."""
    for turn in range(pace.turns):
        for load in loads:
            # The other loads have no targets.
            loaded = [running for running in group if load.name == MIX or running.subject != CONTROL]
            for running in rotated(loaded, turn + process):
                before = processor_seconds(running.process)
                outcome = load.send(running.port, pace.seconds)
                seconds = processor_seconds(running.process) - before
                for metric, value in _values(outcome, seconds).items():
                    yield Sample(
                        case=case_of(engine, load.name),
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
        MEDIAN: outcome.p50,
        SLOW: outcome.p99,
        LOST: outcome.lost,
        REFUSED: outcome.refused,
    }


# All together


def run(options: Options) -> Report:
    """Load every subject on every installed server; without wrk, the report has only a note."""
    pace = Pace(rounds=1, turns=1) if options.quick else Pace(rounds=options.processes or 5, turns=1)
    report = Report(
        name="servers",
        settings={"processes": pace.rounds, "turns": pace.turns, "seconds": pace.seconds, "connections": 16},
    )
    if tool("wrk") is None:
        _absent(report, "wrk is not installed")
        conclude(report)
        return report
    chosen = [engine for engine in (*ENGINES, CADDY) if options.takes(engine.name)]
    present = [engine for engine in chosen if not (reason := engine.missing()) or _absent(report, reason)]
    if reason := NGINX.missing():
        _absent(report, reason)
    with tempfile.TemporaryDirectory() as folder:
        mix = build_mix(Path(folder) / "static")
        report.facts["mix"] = {
            "files": len(mix.sent),
            "size": mix.size,
            "sent": sum(map(len, mix.sent.values())),
        }
        # A smoke test leaves out what takes a further second for each of them.
        loads = loads_of(mix)[:1] if options.quick else loads_of(mix)
        for process in range(pace.rounds):
            for engine in rotated(present, process):
                print(f"{engine.name}, {process + 1} of {pace.rounds}", file=sys.stderr, flush=True)
                with group(engine, mix, report) as running:
                    asked = loads if process < pace.mix_alone_from else loads[:1]
                    report.series.extend(measure(engine.name, running, asked, pace, process))
                    if process == pace.rounds - 1 and not options.quick:
                        profile(report, engine, running, loads[0])
    if not options.quick:
        report.facts["added_seconds"] = added_seconds(pace.rounds)
    conclude(report)
    return report


def profile(report: Report, engine: Engine | Front, group: Sequence[Running], load: Load) -> None:
    """Return the parts of hashserve's time on a server, if they can be measured here."""
    for running in group:
        if isinstance(engine, Engine) and running.subject == HASHSERVE:

            def work(port: int = running.port) -> None:
                load.send(port, 1)

            found = shares(running.process, work, engine.distribution)
            if found:
                report.facts.setdefault("shares", {})[engine.name] = found


def added_seconds(processes: int) -> float:
    """Measure in process how much more a hit costs than the constant application."""
    series = Series()
    with tempfile.TemporaryDirectory() as folder:
        task = {"site": asdict(build_site(Path(folder))), "turns": 25, "least_seconds": 0.004}
        for process in range(processes):
            done = run_worker("benchmarks.request_cost", {**task, "process": process, "cases": ["hit, br"]})
            series.extend(Sample(**sample) for sample in done["samples"])
    return series.summary("hit, br", HASHSERVE, "seconds", minus=CONSTANT).median


def _absent(report: Report, reason: str) -> bool:
    report.facts.setdefault("absent", []).append(reason)
    return False


def conclude(report: Report) -> None:
    """Make the tables, the notes and the targets."""
    cases = report.series.cases()
    engines = list(dict.fromkeys(case.partition(": ")[0] for case in cases))
    loads = [load for load in LOADS if any(case_of(engine, load) in cases for engine in engines)]
    report.tables = [
        (f"{load[0].upper()}{load[1:]}", load_table(report.series, engines, load)) for load in loads
    ]
    if profiled := report.facts.get("shares"):
        table = share_table(report.series, profiled, report.facts.get("added_seconds"))
        report.tables.append((f"Whose processor time it is: hashserve, {MIX}", table))
    report.targets = targets(report.series, engines)
    report.notes = [
        *(f"Not measured: {reason}." for reason in report.facts.get("absent", [])),
        # The facts have the other lines of a reason.
        *(f"{name}: {told.splitlines()[0]}." for name, told in report.facts.get("failures", {}).items()),
    ]
    if not cases:
        return
    report.notes += [
        "The mix is {files} files of {size:,} bytes, sent as {sent:,}.".format(**report.facts["mix"]),
        *([CONTROL_NOTE] if any(report.series.has(case, CONTROL, RATE) for case in cases) else []),
        *(f"Failed connections or refused requests: {told}." for told in failures(report.series)),
    ]


def load_table(series: Series, engines: Sequence[str], load: str) -> str:
    """Return the figures of each server and subject for one load."""
    rows = []
    for engine in engines:
        case = case_of(engine, load)
        for subject in series.subjects(case, RATE):
            if subject == NGINX.name and engine != engines[0]:
                continue
            found = [series.summary(case, subject, metric) for metric in (RATE, TIME, MEDIAN, SLOW)]
            cells = (
                *(
                    quantity(summary, unit, per_unit=size)
                    for summary, (unit, size) in zip(found, _FORMS, strict=True)
                ),
                *(
                    _ratio(series, case, subject, other, metric)
                    for other in (CONSTANT, NGINX.name)
                    for metric in (RATE, TIME)
                ),
            )
            rows.append((engine if subject != NGINX.name else "–", subject, *cells))
    head = ("server", "", "requests/s", "CPU for 1,000", "p50", "p99")
    ratios = ("rate over constant's", "CPU", "rate over nginx's", "CPU")
    return markdown_table((*head, *ratios), rows)


def share_table(
    series: Series, profiled: Mapping[str, Mapping[str, float]], added_seconds: float | None
) -> str:
    """Return the parts of each server's time, and hashserve's part of Python's."""
    rows = []
    for engine, found in profiled.items():
        seconds = series.summary(case_of(engine, MIX), HASHSERVE, TIME).median
        own = "–" if added_seconds is None else f"{added_seconds / seconds * 100:.1f} %"
        rows.append((engine, *(f"{found[owner] * 100:.0f} %" for owner in OWNERS), own))
    return markdown_table(
        ("server", *OWNERS, "of Python's: hashserve, beyond the constant application"), rows
    )


def _ratio(series: Series, case: str, over: str, under: str, metric: str) -> str:
    if over == under or not series.has(case, under, metric):
        return ""
    return quantity(series.ratio(case, over, under, metric), "x")


def failures(series: Series) -> Iterator[str]:
    """Return each subject that lost connections or refused requests, with server and number."""
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


def targets(series: Series, engines: Sequence[str]) -> list[Target]:
    """Return the targets of the mix: close to the constant application, WhiteNoise and nginx."""
    found = []
    cases = {engine: case_of(engine, MIX) for engine in engines}
    for engine, case in cases.items():
        for name, judge, over, metric, limit in (
            ("rate over the constant application's", at_least, CONSTANT, RATE, 0.95),
            ("CPU over WhiteNoise's", at_most, WHITENOISE, TIME, 1),
        ):
            if series.has(case, HASHSERVE, metric) and series.has(case, over, metric):
                ratio = series.ratio(case, HASHSERVE, over, metric)
                found.append(judge(f"{engine}, {MIX}: {name}", ratio, limit))
    best = _best(series, cases)
    if best is not None:
        engine, ratio = best
        found.append(at_least(f"{engine}, the fastest, {MIX}: rate over nginx's", ratio, 1))
    return found


def _best(series: Series, cases: Mapping[str, str]) -> tuple[str, Summary] | None:
    """Return the server with hashserve's highest rate compared with nginx's, and the ratio."""
    ratios = {
        engine: series.ratio(case, HASHSERVE, NGINX.name, RATE)
        for engine, case in cases.items()
        if series.has(case, HASHSERVE, RATE) and series.has(case, NGINX.name, RATE)
    }
    return max(ratios.items(), key=lambda item: item[1].median) if ratios else None


if __name__ == "__main__":
    run_and_report(run, options_of(vars(parser(__doc__).parse_args())))
