"""What one request costs inside Django: hashserve's middleware and WhiteNoise's, under both handlers.

There is no server and no socket. Each request is a new environ, as gunicorn makes it; status, fields and body
are consumed. Each middleware runs in the same handler, in front of the same page. The subject ``Django`` is
the handler and the page without either middleware. Ratios compare whole requests. Times are the processor
time of the handler's thread; under ASGI, the time of worker threads does not count. Page cache and every memo
are warm.
"""

from __future__ import annotations

import asyncio
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from itertools import repeat
from pathlib import Path
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.utils.decorators import sync_and_async_middleware

from benchmarks.corpus import FINGERPRINT, Site, build_site
from benchmarks.harness import Sample, Series, run_worker, timed_in_turns
from benchmarks.options import Options, main
from benchmarks.report import Report, Target, at_least, markdown_table, quantity
from benchmarks.request_cost import Case, environ_of
from hashserve.gateways.asgi_bodies import PIECE_SIZE, PIECES_AT_A_TIME

__all__ = ["CASES", "run", "work"]

METRIC = "seconds"
ALONE, HASHSERVE, WHITENOISE = "Django", "hashserve", "WhiteNoise"
SUBJECTS = {
    ALONE: [],
    HASHSERVE: ["hashserve.django.middleware.HashServeMiddleware"],
    WHITENOISE: ["whitenoise.middleware.WhiteNoiseMiddleware"],
}
GATEWAYS = ("wsgi", "asgi")
PAGE = b"<p>A page.</p>"

CASES = (
    Case(name="hit, br"),
    Case(name="304", revalidates=True, status="304"),
    Case(name="HEAD", method="HEAD"),
    Case(name="5 MB, whole", path="film"),
    Case(name="not static", path="/accounts/login/"),
)

Answer = tuple[int, dict[str, str], int]
"""A status, the fields, and the size of the body."""

Sender = Callable[[int], Answer]
"""Sends a number of requests and returns the last response."""


@sync_and_async_middleware  # type: ignore[untyped-decorator]
def page(get_response: Any) -> Any:
    """Answer everything with a page. It resolves no URL, because that costs every subject the same."""

    async def answer_async(request: Any) -> HttpResponse:
        return HttpResponse(PAGE)

    return answer_async if iscoroutinefunction(get_response) else lambda request: HttpResponse(PAGE)


def configure(site: Site) -> None:
    """Configure Django for this process."""
    settings.configure(
        ALLOWED_HOSTS=["*"],
        HASHSERVE={"IMMUTABLE_FILE_TEST": None},
        ROOT_URLCONF=page.__module__,
        SECRET_KEY="only measured",
        STATIC_ROOT=site.root,
        STATIC_URL="/static/",
        WHITENOISE_IMMUTABLE_FILE_TEST=FINGERPRINT,
    )


def sender(gateway: str, subject: str, environ: Mapping[str, Any]) -> Sender:
    """Start a handler with one subject, and return a function that sends it the request of ``environ``."""
    settings.MIDDLEWARE = [*SUBJECTS[subject], f"{page.__module__}.page"]
    if gateway == "wsgi":
        return _wsgi_sender(WSGIHandler(), environ)
    return _asgi_sender(ASGIHandler(), environ)


def _wsgi_sender(handler: Any, environ: Mapping[str, Any]) -> Sender:
    def send(loops: int) -> Answer:
        started: list[Any] = []
        for _ in repeat(None, loops):
            started.clear()
            size = 0
            body = handler(dict(environ), lambda *arguments: started.extend(arguments))
            for chunk in body:
                size += len(chunk)
            body.close()
        return int(started[0][:3]), dict(started[1]), size

    return send


def _asgi_sender(handler: Any, environ: Mapping[str, Any]) -> Sender:
    loop = asyncio.new_event_loop()

    async def exchange() -> Answer:
        started: dict[str, Any] = {}
        is_first, size = True, 0

        async def receive() -> dict[str, Any]:
            nonlocal is_first
            if not is_first:
                await asyncio.Event().wait()  # the client stays connected
            is_first = False
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            # A server keeps no body that it has sent, so only the size is kept here.
            nonlocal size
            size += len(message.get("body", b""))
            if "status" in message:
                started.update(message)

        await handler(_scope(environ), receive, send)
        fields = {name.decode(): value.decode("latin-1") for name, value in started["headers"]}
        return started["status"], fields, size

    async def send_all(loops: int) -> Answer:
        for _ in repeat(None, loops - 1):
            await exchange()
        return await exchange()

    return lambda loops: loop.run_until_complete(send_all(loops))


def _scope(environ: Mapping[str, Any]) -> dict[str, Any]:
    fields = ((name[5:], value) for name, value in environ.items() if name.startswith("HTTP_"))
    return {
        "type": "http",
        "http_version": "1.1",
        "method": environ["REQUEST_METHOD"],
        "scheme": "https",
        "path": environ["PATH_INFO"],
        "raw_path": environ["PATH_INFO"].encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name.lower().replace("_", "-").encode(), value.encode()) for name, value in fields],
        "client": ("127.0.0.1", 51234),
        "server": ("127.0.0.1", 8000),
    }


def work(site: dict[str, Any], process: int, turns: int, least_seconds: float) -> Any:
    """Measure every case under both handlers in this process, and return the samples."""
    known_site = Site(**site)
    configure(known_site)
    # WhiteNoise's bodies are synchronous, and Django warns about each one under ASGI.
    warnings.simplefilter("ignore")
    samples: list[Sample] = []
    for gateway in GATEWAYS:
        for case in CASES:
            samples += measure(gateway, case, known_site, process, turns, least_seconds)
    return {"samples": [asdict(sample) for sample in samples]}


def measure(
    gateway: str, case: Case, site: Site, process: int, turns: int, least_seconds: float
) -> Iterable[Sample]:
    """Check the responses of one case under one handler, and measure it."""
    senders = {subject: _checked_sender(gateway, subject, case, site) for subject in SUBJECTS}
    drives = {subject: _drive(send) for subject, send in senders.items()}
    for turn, name, value in timed_in_turns(drives, turns=turns, least_seconds=least_seconds, first=process):
        yield Sample(
            case=f"{gateway}: {case.name}",
            subject=name,
            metric=METRIC,
            process=process,
            turn=turn,
            value=value,
        )


def _drive(send: Sender) -> Callable[[int], None]:
    def drive(loops: int) -> None:
        send(loops)

    return drive


def _checked_sender(gateway: str, subject: str, case: Case, site: Site) -> Sender:
    environ = environ_of(case, site)
    send = sender(gateway, subject, environ)
    _, fields, _ = send(2)
    if subject == ALONE:
        return send
    if case.revalidates:
        environ["HTTP_IF_NONE_MATCH"] = fields["ETag"]
    status, _, size = send(2)
    expected = {"hit, br": site.sizes["br"], "5 MB, whole": 5 * 1024 * 1024, "not static": len(PAGE)}
    if str(status) != case.status or size != expected.get(case.name, 0):
        raise AssertionError(f"{subject} under {gateway} answers {case.name} with {status}, {size} bytes")
    return send


def run(options: Options) -> Report:
    """Measure every case in several fresh interpreters."""
    processes = options.processes or (1 if options.quick else 3)
    turns, least_seconds = (2, 0.005) if options.quick else (15, 0.02)
    report = Report(
        name="django_request",
        settings={"processes": processes, "turns": turns, "least_seconds": least_seconds},
    )
    with tempfile.TemporaryDirectory() as folder:
        site = build_site(Path(folder))
        task = {"site": asdict(site), "turns": turns, "least_seconds": least_seconds}
        for process in range(processes):
            done = run_worker("benchmarks.django_request", {**task, "process": process})
            report.series.extend(Sample(**sample) for sample in done["samples"])
    analyse(report)
    return report


def analyse(report: Report) -> None:
    """Make the table, the targets and the note."""
    report.tables = [("Cost of one request, with Django's own", cost_table(report.series))]
    report.targets = targets(report.series)
    report.notes = [
        (
            "Under ASGI, WhiteNoise reads a large body into memory before it sends the first byte. hashserve "
            f"reads up to {PIECES_AT_A_TIME * PIECE_SIZE // 1024:,} kB at a time, in a thread. The figures "
            "are the processor time of the event loop's thread: the time of worker threads does not count."
        )
    ]


def cost_table(series: Series) -> str:
    """Return each subject's cost in each case, and the ratio."""
    rows = []
    for gateway in GATEWAYS:
        for case in CASES:
            name = f"{gateway}: {case.name}"
            costs = [series.summary(name, subject, METRIC) for subject in SUBJECTS]
            ratio = series.ratio(name, WHITENOISE, HASHSERVE, METRIC)
            rows.append(
                (name, *(quantity(cost, " us", per_unit=1e-6) for cost in costs), quantity(ratio, "x"))
            )
    return markdown_table(("case", *SUBJECTS, f"{WHITENOISE} / {HASHSERVE}"), rows)


def targets(series: Series) -> list[Target]:
    """Return the targets: no case costs more than with WhiteNoise."""
    cases = ("hit, br", "304", "not static", "5 MB, whole")
    return [
        at_least(f"{name}: rate over WhiteNoise's", series.ratio(name, WHITENOISE, HASHSERVE, METRIC), 1)
        for name in (f"{gateway}: {case}" for gateway in GATEWAYS for case in cases)
    ]


if __name__ == "__main__":
    main(run, work, __doc__)
