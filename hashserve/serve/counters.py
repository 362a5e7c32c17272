"""Counts of answers, which cost an answer from memory a few nanoseconds and no lock.

Invariant: every answer is counted exactly once, whatever threads do, and what is counted is never lost; the
memory that counts take is bounded by the answers that are remembered.

An answer from memory is one call of a function that copies its fields. Such a call is counted by what it
draws from an `itertools.repeat`: in C, in one step as other threads see it. A cell is one such supply,
shared by all answers of the same form and size; what is left of it tells how often it was drawn from.
(That is the global lock's doing: without it, two threads may draw as one.)
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from itertools import repeat, starmap
from operator import length_hint
from typing import NamedTuple, TypedDict, TypeVar

from hashserve.serve.bounded_cache import ForkSafeLock
from hashserve.serve.kinds import KINDS, Kind

__all__ = ["Counters", "Counts", "Form", "State"]

Fields = TypeVar("Fields")
K = TypeVar("K")

FEWEST_SWEPT = 1000
"""How many cells there may be before those that nobody draws from any more are looked for."""


class Counts(TypedDict):
    """What was counted in one process, as plain integers.

    ``responses`` are by kind (`hashserve.serve.kinds`), then by status and, where there is content,
    its coding: ``{"fingerprinted": {"200 br": 12, "206 identity": 1, "304": 5}}``. ``body_bytes`` are
    what was to be sent beside header fields, by kind. ``passed`` counts requests under a prefix that
    were left to the application, by what they were: ``unknown`` or ``missing``. ``manifest_failures``
    are attempts at a new manifest. The last three are what there is now, not counts.
    """

    responses: dict[Kind, dict[str, int]]
    body_bytes: dict[Kind, int]
    passed: dict[Kind, int]
    manifest_reloads: int
    manifest_failures: int
    remembered_answers: int
    kept_bodies: int
    kept_bytes: int


class Form(NamedTuple):
    """What answers have in common that are counted together; ``size`` is of the body, in bytes.

    ``name`` is the status and, where there is content, its coding.
    """

    kind: Kind
    name: str
    size: int


class State(NamedTuple):
    """What a service can tell of itself, under the names of `Counts`."""

    manifest_reloads: int
    manifest_failures: int
    remembered_answers: int
    kept_bodies: int
    kept_bytes: int


class Counters:
    """What a service, or several, have answered."""

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._responses: dict[tuple[Kind, str], int] = {}
        self._body_bytes: dict[Kind, int] = {}
        self._told: dict[Kind, int] = {}
        self._passed: dict[Kind, int] = {"unknown": 0, "missing": 0}
        self._cells: dict[Form, repeat[tuple[()]]] = {}
        self._swept_at = FEWEST_SWEPT

    def count(self, form: Form) -> None:
        """Count one answer."""
        with self._lock:
            self._add(form, 1)

    def count_passed(self, kind: Kind) -> None:
        """Count one request that was left to the application."""
        with self._lock:
            self._passed[kind] += 1

    def take_back(self, kind: Kind, size: int) -> None:
        """Take back the bytes of an answer that was counted with its body and is sent without it.

        Whoever reads the counts just before is told of them; what was told never falls, since Prometheus
        would take it for a count that began anew, and the next bytes are held against it.
        """
        with self._lock:
            self._body_bytes[kind] = self._body_bytes.get(kind, 0) - size

    def counted(self, copy_fields: Callable[[], Fields], form: Form) -> Callable[[], Fields]:
        """Give a function that does what ``copy_fields`` does, and counts an answer each time.

        It takes 12 ns more; a lock and a dictionary would take several hundred.
        """
        with self._lock:
            if len(self._cells) >= self._swept_at:
                self._sweep()
            cell = self._cells.get(form)
            if cell is None:
                cell = self._cells[form] = repeat((), sys.maxsize)
            return starmap(copy_fields, cell).__next__

    def _sweep(self) -> None:
        """Add up and drop the cells that nobody draws from: no thread can get hold of one of them again."""
        for form, references in _references(self._cells):
            if references <= _UNUSED:
                self._add(form, _drawn(self._cells.pop(form)))
        self._swept_at = max(FEWEST_SWEPT, 2 * len(self._cells))

    def _add(self, form: Form, number: int) -> None:
        _add(self._responses, form[:2], number)
        _add(self._body_bytes, form.kind, number * form.size)

    def counts(self, states: Iterable[State]) -> Counts:
        """Give everything that was counted, with the sums of what the services tell of themselves."""
        with self._lock:
            responses, body_bytes, passed = dict(self._responses), dict(self._body_bytes), dict(self._passed)
            for form, cell in self._cells.items():
                number = _drawn(cell)
                _add(responses, form[:2], number)
                _add(body_bytes, form.kind, number * form.size)
            told = {kind: max(body_bytes.get(kind, 0), self._told.get(kind, 0)) for kind in KINDS}
            self._told = told
        state = State(*map(sum, zip(_NOTHING, *states, strict=True)))
        return Counts(
            responses=_by_kind(responses),
            body_bytes={kind: size for kind, size in told.items() if size},
            passed=passed,
            manifest_reloads=state.manifest_reloads,
            manifest_failures=state.manifest_failures,
            remembered_answers=state.remembered_answers,
            kept_bodies=state.kept_bodies,
            kept_bytes=state.kept_bytes,
        )


_NOTHING = State(0, 0, 0, 0, 0)


def _add(counted: dict[K, int], key: K, number: int) -> None:
    if number:
        counted[key] = counted.get(key, 0) + number


def _drawn(cell: repeat[tuple[()]]) -> int:
    return sys.maxsize - length_hint(cell)


def _references(cells: dict[Form, repeat[tuple[()]]]) -> list[tuple[Form, int]]:
    return [(form, sys.getrefcount(cell)) for form, cell in cells.items()]


# Asked of a cell that only its dictionary holds: versions of Python differ in what they count beside.
_UNUSED = _references({Form("missing", "404", 0): repeat((), 1)})[0][1]


def _by_kind(counted: dict[tuple[Kind, str], int]) -> dict[Kind, dict[str, int]]:
    """Nest what was counted; kinds and forms have one order, whatever came first."""
    nested: dict[Kind, dict[str, int]] = {}
    for kind, name in sorted(counted, key=lambda key: (KINDS.index(key[0]), key[1])):
        nested.setdefault(kind, {})[name] = counted[kind, name]
    return nested
