"""What a browser loads: requests, bytes and revalidations of headless Chromium, over several releases.

The browser visits a page (`benchmarks.page_application`) with the assets of the demo site and of Django's
admin twice. Then a release changes a stylesheet and a script module, and the browser visits the page twice
more. hashserve serves the output of ``hashserve build``; WhiteNoise serves the output of ``collectstatic``
with its compressed manifest storage. Both have the same sources and the same server (gunicorn). Each release
restarts the server, as a deploy does.

The same browser visits an application that Vite bundles (`benchmarks.bundled_app`): at first, after a patch
release, and after a release that bumps a dependency. hashserve sends deltas (RFC 9842) then.

For both, the lifetime of unhashed files is 5 seconds instead of a minute. That is less than the time between
two visits, so the browser requests such files again. Requests and statuses come from the server's log, bytes
from Chromium (fields and bodies, on the wire). These numbers depend on no clock, so one run is enough.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import bundled_app
from benchmarks.django_project import WHITENOISE_SETUP, collect_command, make_project
from benchmarks.harness import PROJECT, Sample, Series
from benchmarks.options import Options, options_of, parser, run_and_report
from benchmarks.page_application import LIFETIME
from benchmarks.processes import free_port, running_server
from benchmarks.report import Report, Target, markdown_table, share_at_most
from benchmarks.subjects import HASHSERVE, WHITENOISE
from tests.support.npm_trees import TreeUnavailableError
from tests.support.system_parts import find_executable

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, CDPSession

__all__ = ["BUNDLED_TITLE", "VISITS", "change", "make_sources", "missing", "run"]

SUBJECTS = (HASHSERVE, WHITENOISE)
VISITS = (
    "release 1, first visit",
    "release 1, second visit",
    "release 2, first visit",
    "release 2, second visit",
)
BUNDLED_TITLE = "An application that Vite bundles, visited once after each release"
METRICS = ("requests", "revalidations", "bytes")

MOST_AFTER_RELEASE = {bundled_app.PATCH: 0.10, bundled_app.BUMP: 0.25}
"""The targets for the bytes of the first visit after a release, relative to WhiteNoise's."""

PAUSE = LIFETIME + 1.0
"""Seconds between two visits: longer than the lifetime of unhashed files."""

FONTS_FOLDER = "unfold/fonts/inter"

_MODULE = """\
import { costs } from "./costs.js";
import { element } from "./elements.js";
document.documentElement.dataset.visited = String(typeof costs + typeof element);
"""


def missing() -> str | None:
    """Return why this benchmark cannot run here; None if it can."""
    if find_executable("chromium") is None:
        return "chromium is not installed"
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed"
    return None


# Two releases of a site


def make_sources(folder: Path) -> None:
    """Copy the folders with the page's assets: the demo's, the admin's, and fonts."""
    shutil.copytree(PROJECT / "example" / "static", folder)
    shutil.copytree(_static_files_of("django.contrib.admin"), folder / "admin")
    shutil.copytree(_static_files_of("unfold") / FONTS_FOLDER, folder / FONTS_FOLDER)
    (folder / "site" / "visit.js").write_text(_MODULE, encoding="utf-8")


def _static_files_of(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the page needs {package}: install the dependency group bench")
    top = Path(spec.origin).parent / "static"
    return top / "admin" if package == "django.contrib.admin" else top


def change(folder: Path) -> None:
    """Make the second release: change a stylesheet, and a module that another one imports."""
    for path, line in (("site/site.css", ".new { color: red }"), ("site/costs.js", "// changed")):
        with (folder / path).open("a", encoding="utf-8") as stream:
            stream.write(f"\n{line}\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A subject's build of the sources, and its port, which stays: a browser caches by host and port."""

    subject: str
    sources: Path
    folder: Path
    is_bundled: bool = False
    port: int = field(default_factory=free_port)

    @property
    def out(self) -> Path:
        """The output folder, which all releases share."""
        return self.folder / "out"

    @property
    def log(self) -> Path:
        """The log of the requests that reached the server."""
        return self.folder / "log"

    def build(self) -> None:
        """Build the current sources."""
        if self.subject == HASHSERVE:
            command = [sys.executable, "-m", "hashserve", "build", str(self.sources), "--out", str(self.out)]
            _run([*command, "--quiet"], PROJECT)
            return
        project = self.folder / "project"
        if not project.exists():
            make_project(project, self.sources, self.out, WHITENOISE_SETUP)
        _run(collect_command(), project)

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve the build."""
        environment = {
            "BENCHMARK_SUBJECT": self.subject,
            "BENCHMARK_ROOT": str(self.out),
            "BENCHMARK_LOG": str(self.log),
        }
        if self.is_bundled:
            bundle = bundled_app.bundle_of(self.sources)
            environment["BENCHMARK_BUNDLE"] = f"{bundle.script} {bundle.style}"
        with running_server(_server, environment, port=self.port):
            yield


def _server(port: int) -> Sequence[str]:
    options = ["--no-control-socket", "--worker-class", "gthread", "--threads", "8", "--log-level", "error"]
    options += ["--bind", f"127.0.0.1:{port}"]
    return [sys.executable, "-m", "gunicorn", *options, "benchmarks.page_application:application"]


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command} failed:\n{done.stderr[-4000:]}")


# Visits


@dataclass(kw_only=True)  # no slots: playwright sets attributes on listeners
class WireBytes:
    """The number of bytes on the wire for one page, as Chromium counts them."""

    total: float = 0.0

    def listen(self, session: CDPSession) -> None:
        """Start counting."""
        session.on("Network.loadingFinished", self._finished)
        session.send("Network.enable")

    def _finished(self, event: dict[str, Any]) -> None:
        self.total += event["encodedDataLength"]


def visit(context: BrowserContext, site: Site, mark: str = "functionfunction") -> dict[str, float]:
    """Open the page in a new tab, wait until its script wrote ``mark``, and return the values by metric."""
    site.log.write_text("", encoding="utf-8")
    wire_bytes, page = WireBytes(), context.new_page()
    try:
        wire_bytes.listen(context.new_cdp_session(page))
        page.goto(f"http://127.0.0.1:{site.port}/", wait_until="networkidle")
        page.wait_for_function(f"document.documentElement.dataset.visited === {mark!r}")
    finally:
        page.close()
    lines = site.log.read_text(encoding="utf-8").splitlines()
    if failed := [line for line in lines if line[:3] not in ("200", "304")]:
        raise AssertionError(f"{site.subject} answers {failed}")
    return {
        "requests": len(lines),
        "revalidations": sum(line.startswith("304") for line in lines),
        "bytes": wire_bytes.total,
    }


def visits(report: Report, browser: Browser, folder: Path, pause: float) -> None:
    """Visit each subject's site twice, make the second release, and visit each twice again."""
    tree = folder / "sources"
    make_sources(tree)
    with _contexts(browser, tree, folder) as contexts:
        for release in (VISITS[:2], VISITS[2:]):
            if release != VISITS[:2]:
                change(tree)
            with _next_release(contexts):
                for name in release:
                    time.sleep(pause if name != VISITS[0] else 0)
                    for site, context in contexts:
                        _record(report, name, site, visit(context, site))


def visits_of_bundle(report: Report, browser: Browser, folder: Path, make: MakeRelease, pause: float) -> None:
    """Make each release of the bundled application, and visit it once with each subject."""
    tree = folder / "bundled"
    with _contexts(browser, tree, folder / "bundles", is_bundled=True) as contexts:
        for release in bundled_app.RELEASES:
            make(tree, release)
            with _next_release(contexts):
                time.sleep(pause if release != bundled_app.FIRST else 0)
                for site, context in contexts:
                    mark = f"function {bundled_app.title_of(release)}"
                    _record(report, release, site, visit(context, site, mark))


MakeRelease = Callable[[Path, str], None]


@contextmanager
def _contexts(
    browser: Browser, tree: Path, folder: Path, *, is_bundled: bool = False
) -> Iterator[list[tuple[Site, BrowserContext]]]:
    """Yield the site of each subject, and a browser's profile of its own."""
    with ExitStack() as stack:
        found = []
        for subject in SUBJECTS:
            site = Site(subject=subject, sources=tree, folder=folder / subject, is_bundled=is_bundled)
            site.folder.mkdir(parents=True)
            found.append((site, stack.enter_context(browser.new_context())))
        yield found


@contextmanager
def _next_release(contexts: Iterable[tuple[Site, BrowserContext]]) -> Iterator[None]:
    """Build the current sources with each subject, and serve all of them."""
    sites = [site for site, _ in contexts]
    for site in sites:
        site.build()
    with ExitStack() as running:
        for site in sites:
            running.enter_context(site.serving())
        yield


def _record(report: Report, case: str, site: Site, values: dict[str, float]) -> None:
    report.series.extend(_samples(case, site.subject, values))
    report.facts.setdefault(case, {})[site.subject] = site.log.read_text(encoding="utf-8")


def _samples(case: str, subject: str, values: dict[str, float]) -> Iterator[Sample]:
    for metric, value in values.items():
        yield Sample(case=case, subject=subject, metric=metric, process=0, turn=0, value=value)


# The benchmark


def run(options: Options) -> Report:
    """Make all visits; without Chromium, the report has only a note."""
    pause = 0.0 if options.quick else PAUSE
    report = Report(name="browser", settings={"pause": pause})
    if reason := missing():
        report.notes.append(f"Not measured: {reason}.")
        return report
    make = bundled_app.make_stand_in if options.quick else bundled_app.make_release
    with tempfile.TemporaryDirectory() as folder, _chromium() as browser:
        visits(report, browser, Path(folder), pause)
        try:
            visits_of_bundle(report, browser, Path(folder), make, pause)
        except TreeUnavailableError as error:
            report.notes.append(f"The bundled application was not measured: {error}.")
    analyse(report)
    return report


@contextmanager
def _chromium() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-gpu"]
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=find_executable("chromium"), args=arguments) as browser,
    ):
        yield browser


def analyse(report: Report) -> None:
    """Make the table, the targets and the note, if there are samples."""
    if not report.series.samples:
        return
    series = report.series
    report.tables = [("A page, visited twice in each of two releases", visit_table(series, VISITS))]
    report.targets = targets(series)
    if series.has(bundled_app.FIRST, HASHSERVE, "bytes"):
        report.tables.append((BUNDLED_TITLE, visit_table(series, bundled_app.RELEASES)))
        report.targets += byte_targets(series, MOST_AFTER_RELEASE)
    kept = [note for note in report.notes if note.startswith("The bundled application was not")]
    report.notes = [
        (
            "Each response of hashserve has X-Content-Type-Options: nosniff, 33 bytes that WhiteNoise does "
            "not send, and that of a dictionary about 70 bytes of Use-As-Dictionary and Vary. "
            "With hashserve, a module that imports a changed module gets a new name too, so it is "
            "sent again. With WhiteNoise, imported modules keep their unhashed names, and the browser "
            "revalidates them when a minute is over."
        ),
        *kept,
    ]


def visit_table(series: Series, cases: Iterable[str]) -> str:
    """Return the requests and bytes of each visit."""
    rows = []
    for case in cases:
        for subject in SUBJECTS:
            requests, revalidations, size = (series.summary(case, subject, of).median for of in METRICS)
            share = size / series.summary(case, WHITENOISE, "bytes").median
            rows.append(
                (case, subject, f"{requests:.0f}", f"{revalidations:.0f}", f"{size:,.0f}", f"{share:.1%}")
            )
    head = ("visit", "", "requests", "304 responses", "bytes on the wire", "of WhiteNoise's")
    return markdown_table(head, rows)


def byte_targets(series: Series, limits: Mapping[str, float]) -> list[Target]:
    """Return the target of each visit: at most this share of the bytes that WhiteNoise sends."""
    found = []
    for case, limit in limits.items():
        ours, theirs = (series.summary(case, subject, "bytes").median for subject in SUBJECTS)
        found.append(share_at_most(f"{case}: bytes over WhiteNoise's", ours, theirs, limit))
    return found


def targets(series: Series) -> list[Target]:
    """Return the targets: after the first visit, only the page and changed files are requested."""
    requests = [series.summary(case, HASHSERVE, "requests").median for case in VISITS]
    found = [
        Target(
            name=f"{case}: requests of hashserve's page",
            limit=f"at most {limit}",
            found=f"{count:.0f}",
            is_met=count <= limit,
        )
        # The page only; after the release also the stylesheet, the module, and the module that imports it.
        for case, count, limit in zip(VISITS[1:], requests[1:], (1, 4, 1), strict=True)
    ]
    return found + byte_targets(series, dict.fromkeys(VISITS, 1))


if __name__ == "__main__":
    run_and_report(run, options_of(vars(parser(__doc__).parse_args())))
