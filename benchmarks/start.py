"""What a start costs: from the import to the first response, for trees of 1,000 to 100,000 files.

Each file has two variants, and each sample is taken in a fresh process. The process constructs the
application, answers one request for the last file of the tree, and consumes the body. The page and inode
caches are warm, because the tree was just made; a cold disk would only slow down subjects that read the tree.
Memory is the difference between before the construction and after the first response (RSS, USS and PSS of
``/proc/self/smaps_rollup``, and the highest RSS in between). The import alone is measured separately. strace
counts system calls in a process that is not timed, for the smaller trees.

Then the process forks four workers, as preforking servers do, and each worker answers the same request.
Their memory is the PSS of parent and workers together (shared pages are divided among their users), less that
of the parent and four idle workers before the construction.

``hashserve, plain`` is hashserve with Django's own manifest, which has no sizes or digests. WhiteNoise and
ServeStatic read no manifest.
"""

from __future__ import annotations

import gc
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

from benchmarks.corpus import build_many, write_django_manifest
from benchmarks.harness import PROJECT, Sample, Series, Summary, in_turns, rotated, run_worker
from benchmarks.options import Options, main
from benchmarks.report import Report, Target, at_least, at_most, markdown_table, quantity
from benchmarks.subjects import (
    DJANGO_MANIFEST,
    HASHSERVE,
    MODULES,
    SERVESTATIC,
    WHITENOISE,
    WITH_DJANGO_MANIFEST,
    maker,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["SUBJECTS", "calls_in_trace", "environ_of", "memory", "run", "unused_application", "work"]

SUBJECTS = (HASHSERVE, WITH_DJANGO_MANIFEST, WHITENOISE, SERVESTATIC)

TARGET_SIZE = 50_000
"""The number of files in the tree that has targets."""

LARGEST_TRACED = 10_000
WORKERS = 4

_TURNS = {1_000: 7, 10_000: 5, 50_000: 3, 100_000: 1}
"""The number of starts by the size of the tree: ServeStatic takes half a minute for the largest tree."""

_MEMORY_FIELDS = {"Rss": "rss", "Pss": "pss", "Private_Clean": "uss", "Private_Dirty": "uss"}
_BEGIN, _END = "benchmark-begins", "benchmark-ends"
_CALL_KINDS = {
    "stat": re.compile(r"(?:new)?[fl]?stat(?:at|fs|x)?(?:64)?|f?access(?:at2?)?|readlink(?:at)?"),
    "open": re.compile(r"open(?:at2?)?"),
    "scan": re.compile(r"getdents(?:64)?"),
}
_CALL = re.compile(r"^(?:\d+ +|\[pid +\d+\] )?(\w+)\((.*)")


def memory(process: int | str = "self") -> dict[str, int]:
    """Return RSS, PSS, USS and the highest RSS of a process in bytes; an empty dictionary if unknown."""
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return {}
    found: Counter[str] = Counter()
    for name, size in re.findall(r"^(\w+): +(\d+) kB$", rollup, re.MULTILINE):
        if name in _MEMORY_FIELDS:
            found[_MEMORY_FIELDS[name]] += int(size) * 1024
    peak = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return {**found, "peak": int(peak[1]) * 1024} if peak else dict(found)


def unused_application(environ: object, start_response: object) -> Iterable[bytes]:
    """Raise an error, because no request reaches the wrapped application."""
    raise NotImplementedError


def environ_of(path: str) -> dict[str, Any]:
    """Return the environ of the first request."""
    environ: dict[str, Any] = {"PATH_INFO": f"/static/{path}", "HTTP_ACCEPT_ENCODING": "gzip, deflate, br"}
    setup_testing_defaults(environ)
    return environ


def work(subject: str, root: str, path: str, *, mark: bool = False) -> Any:
    """Start once in this process, and return seconds and bytes by metric."""
    make = maker(subject)
    environ = environ_of(path)
    gc.collect()
    idle = None if mark else preforked(lambda: None)
    before = memory()
    if mark:
        os.access(_BEGIN, os.F_OK)
    started, processor = perf_counter(), process_time()
    application = make(unused_application, root)
    constructed = perf_counter()
    status = first_answer(application, environ)
    finished, processor = perf_counter(), process_time() - processor
    if mark:
        os.access(_END, os.F_OK)
    after = memory()
    if status != "200 OK":
        raise AssertionError(f"{subject} answers {status}")
    added = {name: size - before[name] for name, size in after.items()}
    seconds = {
        "first_answer": finished - started,
        "construction": constructed - started,
        "processor": processor,
    }
    if idle:
        added["preforked_pss"] = preforked(lambda: first_answer(application, environ)) - idle
    return {
        **{f"{name}_seconds": value for name, value in seconds.items()},
        **{f"{name}_bytes": size for name, size in added.items()},
    }


def first_answer(application: WSGIApplication, environ: dict[str, Any]) -> str:
    """Send a request, consume the body, and return the status."""
    statuses = []

    def start_response(status: str, headers: object, exc_info: object = None) -> Callable[[bytes], object]:
        statuses.append(status)
        return lambda chunk: None

    body = application(environ, start_response)
    length = sum(map(len, body))
    if hasattr(body, "close"):
        body.close()
    if not length:
        raise AssertionError("the first response has no body")
    return statuses[-1]


def preforked(work: Callable[[], object]) -> int:
    """Fork workers that do some work, and return their PSS and that of this process; 0 if unknown."""
    if "pss" not in memory() or not hasattr(os, "fork"):
        return 0
    ready, release = os.pipe(), os.pipe()
    workers = [_forked(work, ready, release) for _ in range(WORKERS)]
    os.close(ready[1])
    os.close(release[0])
    finished = sum(len(os.read(ready[0], 1)) for _ in workers)  # fewer if a worker failed
    total = 0
    if finished == WORKERS:
        total = sum(memory(process)["pss"] for process in (os.getpid(), *workers))
    os.close(release[1])
    os.close(ready[0])
    statuses = [os.waitpid(worker, 0)[1] for worker in workers]
    if any(statuses):
        raise AssertionError(f"the workers ended with {statuses}")
    return total


def _forked(work: Callable[[], object], ready: tuple[int, int], release: tuple[int, int]) -> int:
    worker = os.fork()
    if worker:
        return worker
    code = 1
    try:
        os.close(release[1])
        work()
        os.write(ready[1], b"!")
        os.close(ready[1])
        os.read(release[0], 1)
        code = 0
    finally:
        os._exit(code)


# The cost of the import, in an interpreter that imports nothing else

_IMPORT = """
import gc, os, time
def rss(): return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
gc.collect(); before = rss() if os.path.exists("/proc/self/statm") else 0; started = time.perf_counter()
import {module}
seconds = time.perf_counter() - started
print(seconds, (rss() if before else 0) - before)
"""


def import_samples(subject: str, process: int) -> list[Sample]:
    """Import a subject in a bare interpreter: seconds, and bytes of RSS."""
    command = [sys.executable, "-c", _IMPORT.format(module=MODULES[subject])]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    seconds, size = done.stdout.split()
    values = {"seconds": float(seconds), "rss_bytes": float(size)}
    return [_sample("import", subject, metric, process, value) for metric, value in values.items()]


# System calls


def trace(subject: str, root: str, path: str) -> dict[str, Any] | None:
    """Count the system calls of a start on the file system. Returns None without strace."""
    strace = shutil.which("strace")
    if strace is None:
        return None
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", errors="replace") as log:
        under = [strace, "-f", "-y", "-s", "4096", "-e", "trace=%file,fstat,getdents64", "-o", log.name]
        task = {"subject": subject, "root": root, "path": path, "mark": True}
        run_worker("benchmarks.start", task, under=under)
        return calls_in_trace(log.read().splitlines(), root)


def calls_in_trace(lines: Sequence[str], root: str) -> dict[str, Any]:
    """Count the calls below ``root`` between the marks by kind, and return the first of them too."""
    first = next(number for number, line in enumerate(lines) if _BEGIN in line)
    last = next(number for number, line in enumerate(lines) if _END in line)
    below = [line for line in lines[first + 1 : last] if root in line]
    calls = [match.groups() for line in below if (match := _CALL.match(line))]
    counts = Counter(
        kind for name, _ in calls for kind, names in _CALL_KINDS.items() if names.fullmatch(name)
    )
    shown = [f"{name}({rest}".replace(root, "ROOT")[:200] for name, rest in calls[:20]]
    return {**{kind: counts[kind] for kind in _CALL_KINDS}, "first": shown}


# The benchmark


def run(options: Options) -> Report:
    """Start every subject on every tree, in turns."""
    turns = turns_of(options)
    sizes = list(turns)
    report = Report(
        name="start", settings={"sizes": sizes, "processes": [*turns.values()], "page_cache": "warm"}
    )
    for turn, subject in in_turns(list(MODULES), max(turns.values())):
        report.series.extend(import_samples(subject, turn))
    traces = report.facts["system_calls"] = {}
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = build_many(Path(folder), size)
            write_django_manifest(Path(folder), DJANGO_MANIFEST)
            report.series.extend(start_samples(size, turns[size], folder, path))
            if size <= LARGEST_TRACED:
                traces[str(size)] = {subject: trace(subject, folder, path) for subject in SUBJECTS}
    analyse(report)
    return report


def turns_of(options: Options) -> Mapping[int, int]:
    """Return the number of starts by the size of the tree."""
    if options.quick:
        return dict.fromkeys((100, 300), options.processes or 1)
    return {size: options.processes or turns * (3 if options.full else 1) for size, turns in _TURNS.items()}


def start_samples(size: int, turns: int, root: str, path: str) -> list[Sample]:
    """Start each subject once a turn, each time in a fresh process."""
    found = []
    for turn in range(turns):
        for subject in rotated(SUBJECTS, turn):
            values = run_worker("benchmarks.start", {"subject": subject, "root": root, "path": path})
            case = case_of(size)
            found += [_sample(case, subject, metric, turn, value) for metric, value in values.items()]
    return found


def case_of(size: int) -> str:
    """Return the name of the case for a tree of this size."""
    return f"{size:,} files"


def _sample(case: str, subject: str, metric: str, process: int, value: float) -> Sample:
    return Sample(case=case, subject=subject, metric=metric, process=process, turn=0, value=value)


def analyse(report: Report) -> None:
    """Make the tables and the targets."""
    sizes: Sequence[int] = report.settings["sizes"]
    report.notes = []
    report.tables = [
        ("Import, in a bare interpreter", import_table(report.series)),
        ("First answer, and added memory", start_table(report.series, sizes)),
    ]
    traces = report.facts["system_calls"]
    if any(found for counts in traces.values() for found in counts.values()):
        report.tables.append(("System calls below the root, to the first answer", call_table(traces)))
    else:
        report.notes.append("System calls were not counted: strace is not installed.")
    report.targets = targets(report.series, sizes, traces)


def import_table(series: Series) -> str:
    """Return the cost of the imports."""
    rows = [
        (
            subject,
            quantity(series.summary("import", subject, "seconds"), " ms", per_unit=1e-3),
            quantity(series.summary("import", subject, "rss_bytes"), " MB", per_unit=1e6),
        )
        for subject in MODULES
    ]
    return markdown_table(("", "time", "RSS"), rows)


def start_table(series: Series, sizes: Sequence[int]) -> str:
    """Return times, memory and their ratios."""
    rows = []
    for size in sizes:
        for subject in SUBJECTS:
            case = case_of(size)
            values = [
                quantity(series.summary(case, subject, metric), " ms", per_unit=1e-3)
                for metric in ("first_answer_seconds", "processor_seconds")
            ]
            for metric in ("rss_bytes", "uss_bytes", "peak_bytes", "preforked_pss_bytes"):
                has = series.has(case, subject, metric)
                values.append(_megabytes(series.summary(case, subject, metric)) if has else "unknown")
            sooner = series.ratio(case, WHITENOISE, subject, "first_answer_seconds")
            rows.append((case, subject, *values, quantity(sooner, "x")))
    head = ("tree", "", "first answer", "processor time", "RSS", "USS", "highest RSS")
    return markdown_table((*head, f"PSS, {WORKERS} workers", "sooner than WhiteNoise"), rows)


def _megabytes(summary: Summary) -> str:
    return quantity(summary, " MB", per_unit=1e6)


def call_table(traces: dict[str, dict[str, Any]]) -> str:
    """Return the counts of system calls."""
    rows = [
        (case_of(int(size)), subject, *(f"{calls[kind]:,}" for kind in _CALL_KINDS))
        for size, counts in traces.items()
        for subject, calls in counts.items()
    ]
    return markdown_table(("tree", "", *_CALL_KINDS), rows)


def targets(series: Series, sizes: Sequence[int], traces: dict[str, dict[str, Any]]) -> list[Target]:
    """Return the targets of the tree of 50,000 files, or of the largest tree."""
    size = TARGET_SIZE if TARGET_SIZE in sizes else max(sizes)
    case = case_of(size)
    sooner = series.ratio(case, WHITENOISE, HASHSERVE, "first_answer_seconds")
    found = [at_least(f"{case}: first answer sooner than WhiteNoise's", sooner, 20)]
    memories = {"rss_bytes": "RSS", "uss_bytes": "USS", "preforked_pss_bytes": f"PSS, {WORKERS} workers"}
    for metric, name in memories.items():
        if series.has(case, HASHSERVE, metric):
            share = series.ratio(case, HASHSERVE, WHITENOISE, metric)
            found.append(at_most(f"{case}: added {name} over WhiteNoise's", share, 0.2))
    counted = {int(size): counts[HASHSERVE] for size, counts in traces.items() if counts[HASHSERVE]}
    if counted:
        found.append(_no_scan(counted))
    return found


def _no_scan(counted: dict[int, dict[str, Any]]) -> Target:
    """Return the target for system calls: no scan, and equal numbers for the smallest and the largest tree.

    The other calls are for the root, its manifest and the requested file.
    """
    smallest, largest = counted[min(counted)], counted[max(counted)]
    stats, opens, scans = (largest[kind] for kind in _CALL_KINDS)
    is_constant = all(smallest[kind] == largest[kind] for kind in _CALL_KINDS)
    return Target(
        name="no scan of the tree, no stats that grow with it",
        limit="0 scans, 20 stats",
        found=f"{scans} scans, {stats} stats, {opens} opens",
        is_met=scans == 0 and stats <= 20 and is_constant,
    )


if __name__ == "__main__":
    main(run, work, __doc__)
