"""Where the time of a hit goes: the steps of `hashserve.HashServe` for a hit, each measured alone.

Invariant: a step is timed with the values of a real hit, in turns with the whole hit, without the loop around
it. The steps do not add up to the whole, because alone, each has its data in the processor's caches.
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

__all__ = ["METRIC", "PARTS", "WHOLE", "is_in", "measure", "table"]

CASE, METRIC = "hit, br, in parts", "part_seconds"
WHOLE, LOOP = "the whole hit", "the loop"

PARTS = {
    "an object is called, and not a function": "called(environ, start)",
    "is the path under a prefix?": "lowest <= environ['PATH_INFO'] < highest",
    "what is remembered for path and Accept-Encoding": "hot[path][environ.get('HTTP_ACCEPT_ENCODING')]",
    "is the method GET?": "environ['REQUEST_METHOD'] != 'GET'",
    "is there a Range or a precondition? five look-ups": (
        "'HTTP_RANGE' in environ or 'HTTP_IF_MATCH' in environ or 'HTTP_IF_MODIFIED_SINCE' in environ "
        "or 'HTTP_IF_UNMODIFIED_SINCE' in environ or 'HTTP_IF_NONE_MATCH' in environ"
    ),
    "is it time to look for a new manifest? the clock": "monotonic() >= due",
    "a list of fields that the server may change": "copy()",
    "a list with the body in it": "[body]",
}
"""The steps, each as an expression. The constant application takes the second last too."""


class _Called:
    def __call__(self, environ: object, start: object) -> None:
        """Do nothing."""


def measure(
    application: WSGIApplication, environ: WSGIEnvironment, process: int, turns: int, least_seconds: float
) -> Iterator[Sample]:
    """Measure every part of the hit for ``environ``, in turns."""
    answers: list[list[tuple[str, str]]] = []

    def start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> Any:
        answers[:] = [headers]

    (body,) = application(environ, start)
    path, encoding = environ["PATH_INFO"], environ["HTTP_ACCEPT_ENCODING"]
    values = {
        "body": body,
        "called": _Called(),
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
    statements = {LOOP: "pass", WHOLE: "whole(environ, start)", **PARTS}
    drives = {name: _loop(statement, values) for name, statement in statements.items()}
    for turn, name, value in timed_in_turns(drives, turns=turns, least_seconds=least_seconds, first=process):
        yield Sample(case=CASE, subject=name, metric=METRIC, process=process, turn=turn, value=value)


def _loop(statement: str, values: Mapping[str, Any]) -> Callable[[int], None]:
    """Return a loop around a statement, whose names are arguments of the enclosing function."""
    source = (
        f"def make({', '.join(values)}):\n"
        "    def loop(loops):\n"
        "        for _ in repeat(None, loops):\n"
        f"            {statement}\n"
        "    return loop\n"
    )
    made: dict[str, Any] = {}
    exec(source, made)  # the statements are those above
    loop: Callable[[int], None] = made["make"](**values)
    return loop


def is_in(series: Series) -> bool:
    """Return whether the parts were measured."""
    return series.has(CASE, WHOLE, METRIC)


def table(series: Series) -> str:
    """Return the time of each part."""
    rows = [
        (name, quantity(series.summary(CASE, name, METRIC, minus=LOOP), " ns", per_unit=1e-9))
        for name in (*PARTS, WHOLE)
    ]
    return markdown_table(("step", "alone"), rows)
