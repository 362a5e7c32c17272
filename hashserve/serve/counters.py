"""Counts of answers.

Invariant: every answer is counted exactly once, whatever threads do, and no count is lost or falls. The
memory that counts take does not depend on what is requested.

Counting adds 0.2 us to an answer from the memo. Code without a lock added 0.01 us, but was three times as
long, and lost counts on a Python without a global lock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypedDict, TypeVar

from hashserve.http.codings import IDENTITY
from hashserve.serve.answers import KINDS, Answer, Kind
from hashserve.serve.locks import ForkSafeLock

__all__ = ["AnswerSummary", "Counters", "Counts", "State", "summary_of"]

Fields = TypeVar("Fields")

WITH_CONTENT = (200, 206)


class Counts(TypedDict):
    """What was counted in one process, as plain integers.

    ``responses`` are by kind (`hashserve.serve.answers`), then by status and, if there is content, its
    coding: ``{"fingerprinted": {"200 br": 12, "206 identity": 1, "304": 5}}``. ``body_bytes`` are the bytes
    of bodies, by kind. ``deltas`` are the responses whose body is a delta, which ``responses`` have too, and
    ``delta_bytes_saved`` how many bytes more the variants in their place would have had. ``passed`` counts
    requests under a prefix that were left to the application: ``unknown`` fingerprints, and ``missing`` for
    all others. ``manifest_failures`` are new manifests that could not be used. The last three are states of
    this moment, not counts.
    """

    responses: dict[Kind, dict[str, int]]
    body_bytes: dict[Kind, int]
    deltas: int
    delta_bytes_saved: int
    passed: dict[Kind, int]
    manifest_reloads: int
    manifest_failures: int
    remembered_answers: int
    kept_bodies: int
    kept_bytes: int


class AnswerSummary(NamedTuple):
    """What is counted of an answer; ``size`` is that of its body, in bytes.

    ``name`` is the status and, if there is content, its coding.
    """

    kind: Kind
    name: str
    size: int


def summary_of(answer: Answer) -> AnswerSummary:
    """Return what is counted of an answer."""
    status, headers, body = answer.response
    name = str(int(status))
    if status in WITH_CONTENT:
        name += f" {dict(headers).get('Content-Encoding', IDENTITY)}"
    return AnswerSummary(
        answer.kind, name, sum(len(part) if isinstance(part, bytes) else part.length for part in body)
    )


class State(NamedTuple):
    """The part of `Counts` that a service knows at any time, under the same names."""

    manifest_reloads: int
    manifest_failures: int
    remembered_answers: int
    kept_bodies: int
    kept_bytes: int


class _Tally:
    """How many answers of one kind and name there were, and how many bytes their bodies had."""

    __slots__ = ("answers", "body_bytes")

    def __init__(self) -> None:
        self.answers = 0
        self.body_bytes = 0


class _Saved:
    """How many deltas were sent, and how many bytes they saved."""

    __slots__ = ("bytes", "responses")

    def __init__(self) -> None:
        self.responses = 0
        self.bytes = 0

    def add(self, saved: int) -> None:
        self.responses += 1
        self.bytes += saved


class Counters:
    """Counts of the answers of one service, or of several."""

    def __init__(self) -> None:
        self._guard = ForkSafeLock()
        self._tallies: dict[tuple[Kind, str], _Tally] = {}
        self._deltas = _Saved()
        self._passed: dict[Kind, int] = {"unknown": 0, "missing": 0}

    def count(self, answer: Answer) -> None:
        """Count one answer."""
        summary = summary_of(answer)
        with self._guard.lock:
            tally = self._tally(summary)
            tally.answers += 1
            tally.body_bytes += summary.size
            if answer.saved is not None:
                self._deltas.add(answer.saved)

    def _tally(self, summary: AnswerSummary) -> _Tally:
        return self._tallies.setdefault(summary[:2], _Tally())

    def count_passed(self, kind: Kind) -> None:
        """Count one request that was left to the application."""
        with self._guard.lock:
            self._passed[kind] += 1

    def counted(self, copy_fields: Callable[[], Fields], answer: Answer) -> Callable[[], Fields]:
        """Return a function that does what ``copy_fields`` does, and counts the answer each time."""
        summary = summary_of(answer)
        guard, tally, size = self._guard, self._tally(summary), summary.size

        def copy_and_count() -> Fields:
            with guard.lock:
                tally.answers += 1
                tally.body_bytes += size
            return copy_fields()

        saved, deltas = answer.saved, self._deltas
        if saved is None:
            return copy_and_count

        def copy_and_count_delta() -> Fields:
            with guard.lock:
                tally.answers += 1
                tally.body_bytes += size
                deltas.add(saved)
            return copy_fields()

        return copy_and_count_delta

    def counts(self, states: Iterable[State]) -> Counts:
        """Return everything that was counted, and the sums of the services' states."""
        with self._guard.lock:
            tallies = {key: (tally.answers, tally.body_bytes) for key, tally in self._tallies.items()}
            passed = dict(self._passed)
            deltas, saved = self._deltas.responses, self._deltas.bytes
        responses: dict[Kind, dict[str, int]] = {}
        body_bytes: dict[Kind, int] = {}
        # Kinds and names have one order, whatever was counted first.
        for kind, name in sorted(tallies, key=lambda key: (KINDS.index(key[0]), key[1])):
            answers, size = tallies[kind, name]
            if answers:
                responses.setdefault(kind, {})[name] = answers
            if size:
                body_bytes[kind] = body_bytes.get(kind, 0) + size
        state = State(*map(sum, zip(_NO_STATE, *states, strict=True)))
        return Counts(
            responses=responses,
            body_bytes=body_bytes,
            deltas=deltas,
            delta_bytes_saved=saved,
            passed=passed,
            manifest_reloads=state.manifest_reloads,
            manifest_failures=state.manifest_failures,
            remembered_answers=state.remembered_answers,
            kept_bodies=state.kept_bodies,
            kept_bytes=state.kept_bytes,
        )


_NO_STATE = State(0, 0, 0, 0, 0)
