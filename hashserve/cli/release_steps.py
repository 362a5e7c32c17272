"""The steps between releases as text and as JSON: what a returning visitor downloads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hashserve.cli.terminal import counted, human_bytes
from hashserve.release_steps import WHY_NO_DELTA, ReleaseStep

__all__ = ["step_facts", "step_table"]

_SHOWN = 10
"""How many files without a delta the text has for each reason."""

_HEAD = ("from", "to", "files", "deltas", "without deltas", "with deltas", "share")


def step_facts(step: ReleaseStep) -> Mapping[str, Any]:
    """Return a step as values that JSON can hold; sizes are in bytes."""
    return {
        "from": step.older,
        "to": step.newer,
        "files": len(step.files),
        "deltas": step.deltas,
        "bytes_without_deltas": step.best_bytes,
        "bytes_with_deltas": step.delta_bytes,
        "without_delta": dict(step.without_delta),
        "changed": [
            {
                "path": file.path,
                "logical_path": file.logical_path,
                "bytes": file.best_size,
                "delta_bytes": file.delta_size,
                "why_no_delta": file.why_no_delta or None,
            }
            for file in step.files
        ],
    }


def step_table(steps: Sequence[ReleaseStep]) -> Iterator[tuple[str, str]]:
    """Yield the lines of a table, each after its mark, and the files of the first step without a delta."""
    if not steps:
        return
    yield "title", "what a returning visitor downloads, from release to release:"
    rows = [_HEAD, *map(_row, steps)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        names = [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
        numbers = [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        yield "", f"  {'  '.join([*names, *numbers])}"
    yield from _without_delta(steps[0])


def _row(step: ReleaseStep) -> tuple[str, ...]:
    return (
        step.older or "-",
        step.newer or "-",
        f"{len(step.files):,}",
        f"{step.deltas:,}",
        human_bytes(step.best_bytes),
        human_bytes(step.delta_bytes),
        _share(step),
    )


def _share(step: ReleaseStep) -> str:
    return f"{step.delta_bytes / step.best_bytes:.1%}" if step.best_bytes else "-"


def _without_delta(step: ReleaseStep) -> Iterator[tuple[str, str]]:
    if step.without_delta:
        yield "title", f"without a delta, from {step.older or '-'} to {step.newer or '-'}:"
    for reason, number in step.without_delta.items():
        yield "", f"  {counted(number, 'file')}: {WHY_NO_DELTA[reason]}"
        paths = [file.path for file in step.files if file.why_no_delta == reason]
        yield from (("", f"    {path}") for path in paths[:_SHOWN])
        if number > _SHOWN:
            yield "", f"    and {number - _SHOWN:,} more; --json lists them all"
