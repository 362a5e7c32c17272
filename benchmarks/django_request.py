"""What one request costs inside Django: hashserve's middleware and WhiteNoise's, under both handlers.

There is no server and no socket: each request is a new environ as gunicorn passes it; status, fields and body
are consumed. Both middlewares are in the same handler, before the same view. The handler alone (``Django``)
answers with that view: the cost of every request of this project. Ratios compare what each adds to that, and
the whole. Times are processor time of all threads. Page cache and every memo are warm.
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
from hashserve.gateways.asgi_bodies import AHEAD, PIECE

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

Ask = Callable[[int], Answer]
"""Sends a number of requests and returns the last response."""


@sync_and_async_middleware  # type: ignore[untyped-decorator]
def page(get_response: Any) -> Any:
    """Answer everything with a page, without resolving a URL, which costs every subject the same."""

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


def asker(gateway: str, subject: str, environ: Mapping[str, Any]) -> Ask:
    """Start a handler with one subject, and return a function that sends it the request of ``environ``."""
    settings.MIDDLEWARE = [*SUBJECTS[subject], f"{page.__module__}.page"]
    if gateway == "wsgi":
        return _asker_by_wsgi(WSGIHandler(), environ)
    return _asker_by_asgi(ASGIHandler(), environ)


def _asker_by_wsgi(handler: Any, environ: Mapping[str, Any]) -> Ask:
    def ask(loops: int) -> Answer:
        started: list[Any] = []
        for _ in repeat(None, loops):
            started.clear()
            size = 0
            body = handler(dict(environ), lambda *arguments: started.extend(arguments))
            for chunk in body:
                size += len(chunk)
            body.close()
        return int(started[0][:3]), dict(started[1]), size

    return ask


def _asker_by_asgi(handler: Any, environ: Mapping[str, Any]) -> Ask:
    loop = asyncio.new_event_loop()

    async def exchange() -> Answer:
        started: dict[str, Any] = {}
        is_first, size = True, 0

        async def receive() -> dict[str, Any]:
            nonlocal is_first
            if not is_first:
                await asyncio.Event().wait()  # the client stays
            is_first = False
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            # As a server does, which drops a body once it is sent.
            nonlocal size
            size += len(message.get("body", b""))
            if "status" in message:
                started.update(message)

        await handler(_scope(environ), receive, send)
        fields = {name.decode(): value.decode("latin-1") for name, value in started["headers"]}
        return started["status"], fields, size

    async def ask_all(loops: int) -> Answer:
        for _ in repeat(None, loops - 1):
            await exchange()
        return await exchange()

    return lambda loops: loop.run_until_complete(ask_all(loops))


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
    place = Site(**site)
    configure(place)
    # WhiteNoise's bodies are not made for an event loop; Django warns each time.
    warnings.simplefilter("ignore")
    samples: list[Sample] = []
    for gateway in GATEWAYS:
        for case in CASES:
            samples += measure(gateway, case, place, process, turns, least_seconds)
    return {"samples": [asdict(sample) for sample in samples]}


def measure(
    gateway: str, case: Case, site: Site, process: int, turns: int, least_seconds: float
) -> Iterable[Sample]:
    """Measure one case under one handler, after a check of the response."""
    asks = {subject: _checked(gateway, subject, case, site) for subject in SUBJECTS}
    drives = {subject: _drive(ask) for subject, ask in asks.items()}
    for turn, name, value in timed_in_turns(drives, turns=turns, least_seconds=least_seconds, first=process):
        yield Sample(
            case=f"{gateway}: {case.name}",
            subject=name,
            metric=METRIC,
            process=process,
            turn=turn,
            value=value,
        )


def _drive(ask: Ask) -> Callable[[int], None]:
    def drive(loops: int) -> None:
        ask(loops)

    return drive


def _checked(gateway: str, subject: str, case: Case, site: Site) -> Ask:
    environ = environ_of(case, site)
    ask = asker(gateway, subject, environ)
    _, fields, _ = ask(2)
    if subject == ALONE:
        return ask
    if case.revalidates:
        environ["HTTP_IF_NONE_MATCH"] = fields["ETag"]
    status, _, size = ask(2)
    expected = {"hit, br": site.sizes["br"], "5 MB, whole": 5 * 1024 * 1024, "not static": len(PAGE)}
    if str(status) != case.status or size != expected.get(case.name, 0):
        raise AssertionError(f"{subject} under {gateway} answers {case.name} with {status}, {size} bytes")
    return ask


def run(options: Options) -> Report:
    """Measure; every process is a fresh interpreter."""
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
    conclude(report)
    return report


def conclude(report: Report) -> None:
    """Make the table, the targets and the note."""
    report.tables = [("Cost of one request, with Django's own", cost_table(report.series))]
    report.targets = targets(report.series)
    report.notes = [
        (
            "Under ASGI, WhiteNoise's large bodies are read whole into memory before the first byte is sent; "
            f"hashserve holds {AHEAD * PIECE // 1024:,} kB of one at a time, and asks a thread for each. "
            "The cost of that is in the table."
        )
    ]


def cost_table(series: Series) -> str:
    """Return each subject's cost in each case, and the ratios."""
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
    """Return the targets: never more than WhiteNoise's cost."""
    cases = ("hit, br", "304", "not static", "5 MB, whole")
    return [
        at_least(f"{name}: rate over WhiteNoise's", series.ratio(name, WHITENOISE, HASHSERVE, METRIC), 1)
        for name in (f"{gateway}: {case}" for gateway in GATEWAYS for case in cases)
    ]


if __name__ == "__main__":
    main(run, work, __doc__)
