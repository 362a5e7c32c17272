"""Samples, their medians and their ratios.

Invariant: subjects are measured in turns (A B C, A B C, ...), so a machine that slows down slows all of them.
A ratio is computed within each turn, then the median of these ratios.

pyperf is not used: it takes all samples of A before the first sample of B, so a machine that slows down
changes their ratio. As in pyperf, loops are calibrated and warmed up, and many fresh processes are measured.
"""

from __future__ import annotations

import gc
import json
import math
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import get_clock_info, perf_counter, thread_time
from typing import Any, TypeVar

__all__ = [
    "CLOCK",
    "PROJECT",
    "Sample",
    "Series",
    "Summary",
    "WorkerError",
    "calibrate",
    "in_turns",
    "rotated",
    "run_worker",
    "summarize",
    "timed_in_turns",
]

PROJECT = Path(__file__).resolve().parent.parent
"""The folder to run ``python -m benchmarks`` in."""

Item = TypeVar("Item")
Drive = Callable[[int], object]
"""Does the measured work a number of times."""

CLOCK = thread_time if get_clock_info("thread_time").resolution < 1e-6 else perf_counter
"""The processor time of this thread in seconds, or the wall-clock time if that clock is too coarse."""


class WorkerError(Exception):
    """A process that takes samples failed; the text has its output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One value of a metric of one subject in one case. The metric's name contains its unit.

    ``process`` is the number of the fresh interpreter, ``turn`` that of the turn in it. Samples with equal
    numbers were taken directly one after the other.
    """

    case: str
    subject: str
    metric: str
    process: int
    turn: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A median, the interval that contains it in 19 of 20 runs, and the number of processes."""

    median: float
    low: float
    high: float
    count: int

    @property
    def spread(self) -> float:
        """Half of the interval, relative to the median."""
        return (self.high - self.low) / 2 / abs(self.median) if self.median else 0.0


def summarize(groups: Iterable[Sequence[float]]) -> Summary:
    """Summarize the values of several processes, one group each. Raises `ValueError` if there are none.

    The memory layout of a process makes all of its values higher or lower, so its median is as good as a
    thousand values. The interval is Student's, over these medians.
    """
    known = [statistics.median(group) for group in groups if group]
    if not known:
        raise ValueError("nothing was measured")
    median = statistics.median(known)
    half = 0.0
    if len(known) > 1:
        half = _student(len(known) - 1) * statistics.stdev(known) / math.sqrt(len(known))
    return Summary(median=median, low=median - half, high=median + half, count=len(known))


def _student(degrees: int) -> float:
    """Return Student's t for 95 % (two-sided), by degrees of freedom."""
    return _STUDENT[min(degrees, len(_STUDENT)) - 1]


_STUDENT = (12.71, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""The values for one to ten degrees of freedom. Those for more are a little less than the last."""


class Series:
    """All samples of a run, by case, subject and metric."""

    def __init__(self, samples: Iterable[Sample] = ()) -> None:
        self.samples: list[Sample] = []
        self._values: dict[tuple[str, str, str], dict[tuple[int, int], float]] = defaultdict(dict)
        self.extend(samples)

    def extend(self, samples: Iterable[Sample]) -> None:
        """Add samples."""
        for sample in samples:
            self.samples.append(sample)
            key = (sample.case, sample.subject, sample.metric)
            self._values[key][sample.process, sample.turn] = sample.value

    def has(self, case: str, subject: str, metric: str) -> bool:
        """Return whether a subject has samples in a case."""
        return bool(self._values.get((case, subject, metric)))

    def summary(self, case: str, subject: str, metric: str, *, minus: str | None = None) -> Summary:
        """Summarize a subject's values after subtracting those of the subject ``minus`` in the same turn."""
        own = self._of(case, subject, metric)
        other = self._of(case, minus, metric) if minus is not None else {}
        return summarize(_by_process({turn: value - other.get(turn, 0.0) for turn, value in own.items()}))

    def ratio(self, case: str, over: str, under: str, metric: str, *, minus: str | None = None) -> Summary:
        """Summarize the ratio ``over`` / ``under`` of each turn, with ``minus`` subtracted from both.

        A turn in which ``under`` is then not positive has no ratio.
        """
        overs, unders = self._of(case, over, metric), self._of(case, under, metric)
        subtracted = self._of(case, minus, metric) if minus is not None else {}
        pairs = {
            turn: (overs[turn] - subtracted.get(turn, 0.0), unders[turn] - subtracted.get(turn, 0.0))
            for turn in overs
            if turn in unders
        }
        return summarize(
            _by_process({turn: above / below for turn, (above, below) in pairs.items() if below > 0})
        )

    def _of(self, case: str, subject: str, metric: str) -> dict[tuple[int, int], float]:
        return self._values.get((case, subject, metric), {})

    def cases(self) -> list[str]:
        """List the cases, in the order in which they were first measured."""
        return list(dict.fromkeys(case for case, _, _ in self._values))

    def subjects(self, case: str, metric: str) -> list[str]:
        """List the subjects with values of a metric in a case, in order."""
        return [subject for key, subject, name in self._values if (key, name) == (case, metric)]

    def metrics(self, case: str) -> list[str]:
        """List the metrics of a case, in order."""
        return list(dict.fromkeys(metric for key, _, metric in self._values if key == case))

    def documents(self) -> list[dict[str, Any]]:
        """Return every sample for JSON: process, turn and value, by case, subject and metric."""
        return [
            {
                "case": case,
                "subject": subject,
                "metric": metric,
                "values": [[process, turn, value] for (process, turn), value in values.items()],
            }
            for (case, subject, metric), values in self._values.items()
        ]

    @classmethod
    def from_documents(cls, documents: Iterable[Mapping[str, Any]]) -> Series:
        """Read the series from documents of JSON."""
        return cls(
            Sample(
                case=document["case"],
                subject=document["subject"],
                metric=document["metric"],
                process=process,
                turn=turn,
                value=value,
            )
            for document in documents
            for process, turn, value in document["values"]
        )


def _by_process(values: Mapping[tuple[int, int], float]) -> list[list[float]]:
    """Group values by process, or by turn if there is only one process."""
    groups: dict[int, list[float]] = defaultdict(list)
    for (process, _), value in values.items():
        groups[process].append(value)
    return [*groups.values()] if len(groups) > 1 else [[value] for value in values.values()]


def calibrate(drive: Drive, least_seconds: float) -> int:
    """Return a number of loops that takes ``drive`` at least ``least_seconds``; this also warms it up."""
    loops = 1
    while True:
        seconds = _time(drive, loops)
        if seconds >= least_seconds:
            return loops
        needed = loops * least_seconds / max(seconds, 1e-9)
        loops = max(loops + 1, min(int(needed * 1.1), loops * 10))


def timed_in_turns(
    drives: Mapping[str, Drive], *, turns: int, least_seconds: float, first: int = 0
) -> Iterator[tuple[int, str, float]]:
    """Time each drive once a turn, and yield turn, name, and the seconds of one loop by `CLOCK`.

    Each turn starts with drive number ``first``, so every drive can be the first in some process. The garbage
    collector stays on, as in servers.
    """
    loops = {name: calibrate(drive, least_seconds) for name, drive in drives.items()}
    gc.collect()
    gc.freeze()
    for turn, name in in_turns(rotated(list(drives), first), turns):
        yield turn, name, _time(drives[name], loops[name]) / loops[name]
    gc.unfreeze()


def _time(drive: Drive, loops: int) -> float:
    started = CLOCK()
    drive(loops)
    return CLOCK() - started


def in_turns(names: Sequence[str], turns: int) -> Iterator[tuple[int, str]]:
    """Yield the turn and the name, with every name once a turn: A B C, A B C, ..."""
    for turn in range(turns):
        for name in names:
            yield turn, name


def rotated(items: Sequence[Item], first: int) -> list[Item]:
    """Return the items from number ``first`` on, then those before it."""
    start = first % len(items) if items else 0
    return [*items[start:], *items[:start]]


def run_worker(module: str, arguments: Mapping[str, Any], *, under: Sequence[str] = ()) -> Any:
    """Run ``python -m module --worker ...`` in a fresh interpreter, and return the JSON that it prints.

    ``under`` is a command that runs the interpreter, such as ``strace``. Raises `WorkerError`.
    """
    command = [*under, sys.executable, "-m", module, "--worker", json.dumps(dict(arguments))]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise WorkerError(f"{module} failed with {arguments}:\n{done.stderr[-4000:]}")
    return json.loads(done.stdout)
