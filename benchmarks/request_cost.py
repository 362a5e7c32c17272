"""What one request costs in process: hashserve, its peers, and a constant application.

There is no server and no socket. Each request is a new environ, as gunicorn makes it for Chromium. Status and
fields are kept, and the body is consumed and closed, as servers do. The driver's own loop is measured in the
same turns (the subject ``driver``): it does the same work around a body that already exists. The tables
subtract its time; ratios are shown with it too. Times are processor time, because other work on the machine
changes that the least.

The constant application is the limit: it returns the same bytes and fields as hashserve. Its list of fields
is new each time, because the server may change it. For the film it opens the file, as the simplest
application would. Page cache and every memo are warm. Django's own handler of static files, which is for
development, takes part where it can. It has no codings, no ranges and no entity-tags, so it revalidates by
Last-Modified.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from itertools import repeat
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any
from wsgiref.util import FileWrapper

from benchmarks import hit_steps
from benchmarks.corpus import Site, build_site
from benchmarks.harness import Sample, Series, Summary, run_worker, timed_in_turns
from benchmarks.options import Options, main
from benchmarks.report import Report, Target, at_least, at_most, markdown_table, quantity
from benchmarks.subjects import (
    ACCEPTED,
    CONSTANT,
    DJANGO,
    HASHSERVE,
    SERVESTATIC,
    WHITENOISE,
    WITH_COUNTERS,
    maker,
    page,
)
from hashserve.serve.files import BLOCK_SIZE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["CASES", "Case", "Exchange", "environ_of", "run", "work"]

METRIC = "seconds"
DRIVER = "driver"
PEERS = (WHITENOISE, SERVESTATIC, DJANGO)

FILM_NOTE = (
    f"hashserve and the constant application (which opens the file each time) send 5 MB in blocks of "
    f"{BLOCK_SIZE // 1024} kB, WhiteNoise and ServeStatic of 8 kB, Django of 4 kB. Servers with sendfile "
    "read no blocks."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One kind of request. ``path`` is the name of one of the site's paths, or a path of the application.

    A request that ``revalidates`` sends the validator of an earlier response; ``reads`` is the part of the
    body that is consumed. Django takes part in cases that are ``for_django``, hashserve with counters in
    those that are ``for_counters``, the peers in those that are ``for_peers``. A client that
    ``has_dictionary`` has the file of the release before.
    """

    name: str
    path: str = "hashed"
    method: str = "GET"
    fields: Mapping[str, str] = field(default_factory=dict)
    revalidates: bool = False
    reads: str = "all"
    status: str = "200"
    for_django: bool = False
    for_counters: bool = False
    for_peers: bool = True
    has_dictionary: bool = False


IDENTITY_ONLY = {"HTTP_ACCEPT_ENCODING": "identity"}

CASES = (
    Case(name="hit, br", for_counters=True),
    Case(name="hit, gzip", fields={"HTTP_ACCEPT_ENCODING": "gzip, deflate"}),
    Case(name="hit, identity", fields=IDENTITY_ONLY, for_django=True),
    Case(name="304", revalidates=True, status="304", for_django=True, for_counters=True),
    Case(name="HEAD", method="HEAD"),
    Case(
        name="range, 1 byte",
        fields={**IDENTITY_ONLY, "HTTP_RANGE": "bytes=0-0"},
        status="206",
        for_counters=True,
    ),
    Case(name="range, 100 bytes", fields={**IDENTITY_ONLY, "HTTP_RANGE": "bytes=0-99"}, status="206"),
    Case(
        name="hit, dcz",
        fields={"HTTP_ACCEPT_ENCODING": f"{ACCEPTED}, dcb, dcz"},
        has_dictionary=True,
        for_counters=True,
        for_peers=False,
    ),
    Case(name="unhashed file, br", path="unhashed"),
    Case(name="unhashed file, identity", path="unhashed", fields=IDENTITY_ONLY, for_django=True),
    Case(name="5 MB, first block", path="film", reads="first", for_django=True),
    Case(name="5 MB, whole", path="film", for_django=True),
    Case(name="not static", path="/accounts/login/", for_django=True),
)


def environ_of(case: Case, site: Site) -> WSGIEnvironment:
    """Return the environ that gunicorn makes for Chromium behind a proxy that ends TLS."""
    path = case.path if case.path.startswith("/") else f"/static/{getattr(site, case.path)}"
    return {
        "wsgi.errors": sys.stderr,
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
        "wsgi.input_terminated": True,
        "wsgi.input": io.BytesIO(),
        "wsgi.url_scheme": "https",
        "SERVER_SOFTWARE": "gunicorn/23.0.0",
        "REQUEST_METHOD": case.method,
        "QUERY_STRING": "",
        "RAW_URI": path,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "www.example.com",
        "HTTP_CONNECTION": "keep-alive",
        "HTTP_SEC_CH_UA_PLATFORM": '"Linux"',
        "HTTP_USER_AGENT": (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/140.0.0.0 Safari/537.36"
        ),
        "HTTP_SEC_CH_UA": '"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"',
        "HTTP_SEC_CH_UA_MOBILE": "?0",
        "HTTP_ACCEPT": "*/*",
        "HTTP_SEC_FETCH_SITE": "same-origin",
        "HTTP_SEC_FETCH_MODE": "no-cors",
        "HTTP_SEC_FETCH_DEST": "script",
        "HTTP_REFERER": "https://www.example.com/",
        "HTTP_ACCEPT_ENCODING": ACCEPTED,
        "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.9,de;q=0.8",
        "HTTP_COOKIE": "csrftoken=0123456789abcdefghijklmnopqrstuv; sessionid=zyxwvutsrqponmlkjihgfedcba98",
        "HTTP_X_FORWARDED_FOR": "192.0.2.7",
        "HTTP_X_FORWARDED_PROTO": "https",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "51234",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        **case.fields,
        **({"HTTP_AVAILABLE_DICTIONARY": site.dictionary} if case.has_dictionary else {}),
    }


# The driver: what a server does around an application


class Exchange:
    """The parts of a response that a server keeps."""

    __slots__ = ("headers", "status")

    def __init__(self) -> None:
        self.status = ""
        self.headers: list[tuple[str, str]] = []

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], object]:
        """Keep status and fields."""
        self.status = status
        self.headers = headers
        return self.write

    def write(self, chunk: bytes) -> None:
        """Fail, because no application here uses the write callable."""
        raise NotImplementedError


Drive = Callable[["WSGIApplication", "WSGIEnvironment", int], None]


def drive(application: WSGIApplication, template: WSGIEnvironment, loops: int) -> None:
    """Send requests and consume the bodies."""
    for _ in repeat(None, loops):
        exchange = Exchange()
        body = application(template.copy(), exchange.start_response)
        for _ in body:
            pass
        if hasattr(body, "close"):
            body.close()


def drive_to_first_block(application: WSGIApplication, template: WSGIEnvironment, loops: int) -> None:
    """Send requests and close each body after the first block."""
    for _ in repeat(None, loops):
        exchange = Exchange()
        body = application(template.copy(), exchange.start_response)
        for _ in body:
            break
        if hasattr(body, "close"):
            body.close()


def drive_nothing(application: WSGIApplication, template: WSGIEnvironment, loops: int) -> None:
    """Do the same as `drive` without calling the application."""
    constant = (b"",)
    for _ in repeat(None, loops):
        exchange = Exchange()
        body = constant
        template.copy(), exchange.start_response
        for _ in body:
            pass
        if hasattr(body, "close"):
            raise NotImplementedError


def with_own_bytecode(function: Drive) -> Drive:
    """Return a copy with its own bytecode, because CPython specialises bytecode for the subject it calls."""
    code = function.__code__.replace()
    return FunctionType(code, globals())


# The subjects


def constant_application(status: str, headers: list[tuple[str, str]], body: bytes) -> WSGIApplication:
    """Return an application that returns the same bytes each time, with a new list of fields."""
    bodies = (body,) if body else ()

    def constant(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, [*headers])
        return bodies

    return constant


def opening_application(status: str, headers: list[tuple[str, str]], path: str) -> WSGIApplication:
    """Return an application that opens the same file each time."""

    def opening(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, [*headers])
        stream = open(path, "rb", buffering=0)  # noqa: SIM115  # the wrapper closes it
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](stream, BLOCK_SIZE)
        return wrapped

    return opening


def subjects_of(case: Case, site: Site) -> dict[str, tuple[WSGIApplication, WSGIEnvironment]]:
    """Return each subject with its environ in this case."""
    environ = environ_of(case, site)
    with_counters = (WITH_COUNTERS,) if case.for_counters else ()
    peers = PEERS if case.for_django else PEERS[:-1] if case.for_peers else ()
    names = (HASHSERVE, *with_counters, *peers)
    applications = {name: _made(name, site.root) for name in names}
    subjects = {
        name: (application, _with_validator(case, application, environ))
        for name, application in applications.items()
    }
    constant = _constant(case, site, *subjects[HASHSERVE])
    return {DRIVER: (page, environ), CONSTANT: (constant, environ), **subjects}


@cache
def _made(name: str, root: str) -> WSGIApplication:
    """Make a subject once, because Django can only be configured once."""
    return maker(name)(page, root)


def _constant(
    case: Case, site: Site, hashserve: WSGIApplication, environ: WSGIEnvironment
) -> WSGIApplication:
    if case.path.startswith("/"):
        return page
    status, headers, body = answer_of(hashserve, environ)
    if case.path == "film":
        return opening_application(status, headers, f"{site.root}/{site.film}")
    return constant_application(status, headers, body)


def _with_validator(case: Case, application: WSGIApplication, environ: WSGIEnvironment) -> WSGIEnvironment:
    if not case.revalidates:
        return environ
    _, headers, _ = answer_of(application, environ)
    fields = dict(headers)
    if "ETag" in fields:
        return {**environ, "HTTP_IF_NONE_MATCH": fields["ETag"]}
    return {**environ, "HTTP_IF_MODIFIED_SINCE": fields["Last-Modified"]}


def answer_of(
    application: WSGIApplication, environ: WSGIEnvironment
) -> tuple[str, list[tuple[str, str]], bytes]:
    """Send one request, and return status, fields and body."""
    exchange = Exchange()
    body = application(environ.copy(), exchange.start_response)
    content = b"".join(body)
    if hasattr(body, "close"):
        body.close()
    return exchange.status, exchange.headers, content


# The work of one process, and the benchmark


def work(site: dict[str, Any], process: int, turns: int, least_seconds: float, cases: list[str]) -> Any:
    """Measure cases in this process, and return the samples and the status of each subject."""
    known_site = Site(**site)
    samples, answers = [], {}
    for case in CASES:
        if case.name in cases:
            found, statuses = measure(case, known_site, process, turns, least_seconds)
            samples += [asdict(sample) for sample in found]
            answers[case.name] = statuses
    hit = environ_of(CASES[0], known_site)
    steps = hit_steps.measure(_made(HASHSERVE, known_site.root), hit, process, turns, least_seconds)
    samples += map(asdict, steps)
    return {"samples": samples, "answers": answers}


def measure(
    case: Case, site: Site, process: int, turns: int, least_seconds: float
) -> tuple[list[Sample], dict[str, str]]:
    """Measure one case, and return the samples and the status of each subject."""
    subjects = subjects_of(case, site)
    statuses = checked(case, subjects)
    drives = {name: _bound(case, name, *subject) for name, subject in subjects.items()}
    samples = [
        Sample(case=case.name, subject=name, metric=METRIC, process=process, turn=turn, value=value)
        for turn, name, value in timed_in_turns(
            drives, turns=turns, least_seconds=least_seconds, first=process
        )
    ]
    return samples, statuses


def checked(case: Case, subjects: Mapping[str, tuple[WSGIApplication, WSGIEnvironment]]) -> dict[str, str]:
    """Check that all bodies are equal, and return the statuses.

    Only a peer may differ, and only with another status.
    """
    expected = answer_of(*subjects[CONSTANT])[2]
    statuses = {}
    for name, subject in subjects.items():
        if name == DRIVER:
            continue
        answer_of(*subject)
        status, _, body = answer_of(*subject)
        statuses[name] = status
        is_expected = status.startswith(case.status) and body == expected
        if not is_expected and (name not in PEERS or status.startswith(case.status)):
            raise AssertionError(f"{name} answers “{case.name}” with {status} and {len(body)} bytes")
    return statuses


def _bound(
    case: Case, name: str, application: WSGIApplication, environ: WSGIEnvironment
) -> Callable[[int], None]:
    function = drive_nothing if name == DRIVER else drive if case.reads == "all" else drive_to_first_block
    own_function = with_own_bytecode(function)
    return lambda loops: own_function(application, environ, loops)


def run(options: Options) -> Report:
    """Measure every case in several fresh interpreters."""
    processes = options.processes or (1 if options.quick else 8)
    # Many short turns: a pair takes 20 ms, so other work on the machine disturbs few pairs.
    turns, least_seconds = (2, 0.0005) if options.quick else (25, 0.004)
    report = Report(
        name="request_cost",
        settings={"processes": processes, "turns": turns, "least_seconds": least_seconds},
    )
    with tempfile.TemporaryDirectory() as folder:
        site = build_site(Path(folder))
        report.facts["sizes"] = site.sizes
        task = {"site": asdict(site), "turns": turns, "least_seconds": least_seconds}
        for process in range(processes):
            done = run_worker(
                "benchmarks.request_cost",
                {**task, "process": process, "cases": [case.name for case in CASES]},
            )
            report.series.extend(Sample(**sample) for sample in done["samples"])
            report.facts["answers"] = done["answers"]
    analyse(report)
    return report


def analyse(report: Report) -> None:
    """Make the tables, the targets and the notes."""
    report.tables = [
        ("Cost of one request, without the driver's loop", cost_table(report)),
        ("Ratios: without the driver's loop, and with it", ratio_table(report.series)),
    ]
    if hit_steps.is_measured(report.series):
        report.tables.append(("The steps of a hit in hashserve", hit_steps.table(report.series)))
    report.targets = targets(report.series)
    report.notes = notes(report)


def cost_table(report: Report) -> str:
    """Return each subject's cost in each case, or a dash if the subject does not take part."""
    subjects = (CONSTANT, HASHSERVE, *PEERS)
    rows = []
    for case in measured_cases(report.series):
        costs = [
            quantity(report.series.summary(case.name, name, METRIC, minus=DRIVER), " us", per_unit=1e-6)
            if report.series.has(case.name, name, METRIC)
            else "–"
            for name in subjects
        ]
        loop = quantity(report.series.summary(case.name, DRIVER, METRIC), " us", per_unit=1e-6)
        rows.append((case.name, *costs, loop))
    return markdown_table(("case", *subjects, "driver's loop"), rows)


def measured_cases(series: Series) -> list[Case]:
    """Return the cases of a result, which may be older than the last one."""
    return [case for case in CASES if series.has(case.name, HASHSERVE, METRIC)]


def ratio_table(series: Series) -> str:
    """Return the ratios in each case."""
    pairs = ((WHITENOISE, HASHSERVE), (SERVESTATIC, HASHSERVE), (HASHSERVE, CONSTANT))
    rows = []
    for case in measured_cases(series):
        ratios = [
            quantity(series.ratio(case.name, over, under, METRIC, minus=minus), "x")
            if series.has(case.name, over, METRIC)
            else "–"
            for over, under in pairs
            for minus in (DRIVER, None)
        ]
        rows.append((case.name, *ratios))
    head = [f"{over} / {under}, {how}" for over, under in pairs for how in ("without", "with")]
    return markdown_table(("case", *head), rows)


def added_cost(series: Series) -> tuple[Summary, Summary, Summary]:
    """Return the costs that hashserve and WhiteNoise add to a request that is not static, and their ratio."""
    case = CASES[-1].name
    return (
        series.summary(case, HASHSERVE, METRIC, minus=CONSTANT),
        series.summary(case, WHITENOISE, METRIC, minus=CONSTANT),
        series.ratio(case, HASHSERVE, WHITENOISE, METRIC, minus=CONSTANT),
    )


def targets(series: Series) -> list[Target]:
    """Return the targets."""
    hit, revalidation = CASES[0].name, CASES[3].name
    found = []
    for how, minus in (("without the loop", DRIVER), ("with the loop", None)):
        rate = series.ratio(hit, WHITENOISE, HASHSERVE, METRIC, minus=minus)
        cost = series.ratio(hit, HASHSERVE, CONSTANT, METRIC, minus=minus)
        faster = series.ratio(revalidation, WHITENOISE, HASHSERVE, METRIC, minus=minus)
        found += [
            at_least(f"hit: rate over WhiteNoise's, {how}", rate, 15),
            at_most(f"hit: cost over the constant application's, {how}", cost, 2.2),
            at_least(f"304: rate over WhiteNoise's, {how}", faster, 1),
        ]
    return [*found, at_most("not static: added cost over WhiteNoise's", added_cost(series)[2], 0.5)]


def counter_notes(series: Series) -> list[str]:
    """Return a note about the cost of counters for each case that has it."""
    return [
        "Counters add {} to “{}”.".format(
            quantity(series.summary(case.name, WITH_COUNTERS, METRIC, minus=HASHSERVE), " ns", per_unit=1e-9),
            case.name,
        )
        for case in measured_cases(series)
        if case.for_counters
    ]


def notes(report: Report) -> list[str]:
    """Return notes about sizes, added costs, and different responses."""
    ours, theirs, _ = added_cost(report.series)
    found = [
        "A hit sends {br:,} bytes of brotli, {gzip:,} of gzip or {identity:,} of identity.".format(
            **report.facts["sizes"]
        ),
        "Added to a request that is not static: hashserve {}, WhiteNoise {}.".format(
            *(quantity(added, " ns", per_unit=1e-9) for added in (ours, theirs))
        ),
        *counter_notes(report.series),
        FILM_NOTE,
    ]
    for case in CASES:
        for peer in PEERS:
            status = report.facts["answers"][case.name].get(peer, case.status)
            if not status.startswith(case.status):
                found.append(f"{peer} answers “{case.name}” with {status}, so its cost is not comparable.")
    return found


if __name__ == "__main__":
    main(run, work, __doc__)
