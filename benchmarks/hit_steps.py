"""The steps of `hashserve.HashServe` for a hit, each measured alone.

Invariant: a step is timed with the values of a real hit, in turns with the whole hit; the time of the loop
around it is subtracted. The sum of the steps is less than the whole, because a step alone has its data in the
processor's caches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import repeat
from time import monotonic
from typing import TYPE_CHECKING, Any

from benchmarks.harness import Sample, Series, timed_in_turns
from benchmarks.report import markdown_table, quantity

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

__all__ = ["METRIC", "STEPS", "WHOLE", "is_measured", "measure", "table"]

CASE, METRIC = "hit, br, in parts", "part_seconds"
WHOLE, LOOP = "the whole hit", "the loop"

STEPS = {
    "call an object instead of a function": "called(environ, start)",
    "compare the path with the prefix": "lowest <= environ['PATH_INFO'] < highest",
    "look up path and Accept-Encoding in the memo": "hot[path][environ.get('HTTP_ACCEPT_ENCODING')]",
    "compare the method with GET": "environ['REQUEST_METHOD'] != 'GET'",
    "look for Range and preconditions: five look-ups": (
        "'HTTP_RANGE' in environ or 'HTTP_IF_MATCH' in environ or 'HTTP_IF_MODIFIED_SINCE' in environ "
        "or 'HTTP_IF_UNMODIFIED_SINCE' in environ or 'HTTP_IF_NONE_MATCH' in environ"
    ),
    "read the clock: is a look at the manifest due?": "monotonic() >= due",
    "copy the list of fields, which the server may change": "copy()",
    "make a list with the body": "[body]",
}
"""An expression for each step. The constant application copies its fields too."""


class _Callable:
    def __call__(self, environ: object, start: object) -> None:
        """Do nothing."""


def measure(
    application: WSGIApplication, environ: WSGIEnvironment, process: int, turns: int, least_seconds: float
) -> Iterator[Sample]:
    """Measure every step of the hit for ``environ``, in turns."""
    answers: list[list[tuple[str, str]]] = []

    def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
        answers[:] = [headers]

    (body,) = application(environ, start)
    path, encoding = environ["PATH_INFO"], environ["HTTP_ACCEPT_ENCODING"]
    values = {
        "body": body,
        "called": _Callable(),
        "copy": answers[0].copy,
        "due": monotonic() + 1e9,
        "environ": environ,
        "highest": "/static0",
        "hot": {path: {encoding: answers[0]}},
        "lowest": "/static/",
        "monotonic": monotonic,
        "path": path,
        "repeat": repeat,
        "start": start,
        "whole": application,
    }
    statements = {LOOP: "pass", WHOLE: "whole(environ, start)", **STEPS}
    drives = {name: _loop(statement, values) for name, statement in statements.items()}
    for turn, name, value in timed_in_turns(drives, turns=turns, least_seconds=least_seconds, first=process):
        yield Sample(case=CASE, subject=name, metric=METRIC, process=process, turn=turn, value=value)


def _loop(statement: str, values: Mapping[str, Any]) -> Callable[[int], None]:
    """Return a loop around a statement, with ``values`` as the variables of its closure."""
    source = (
        f"def make({', '.join(values)}):\n"
        "    def loop(loops):\n"
        "        for _ in repeat(None, loops):\n"
        f"            {statement}\n"
        "    return loop\n"
    )
    made: dict[str, Any] = {}
    exec(source, made)  # only runs the statements of this module
    loop: Callable[[int], None] = made["make"](**values)
    return loop


def is_measured(series: Series) -> bool:
    """Return whether the series has the steps."""
    return series.has(CASE, WHOLE, METRIC)


def table(series: Series) -> str:
    """Return the time of each step."""
    rows = [
        (name, quantity(series.summary(CASE, name, METRIC, minus=LOOP), " ns", per_unit=1e-9))
        for name in (*STEPS, WHOLE)
    ]
    return markdown_table(("step", "alone"), rows)
