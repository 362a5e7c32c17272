"""How far a build is: a progress bar on a terminal, and at most one line elsewhere.

Invariant: everything is written to standard error, so that standard output holds only the report.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashserve.builder.report import Progress

__all__ = ["progress"]


@contextmanager
def progress(*, shown: bool) -> Iterator[Progress]:
    """Show progress bars on a terminal, and remove them at the end; yields what a build reports to.

    Elsewhere, one line says that the build waits for another one, and nothing else is written,
    because a log that stands still looks like a build that hangs.
    """
    if not shown:
        yield lambda step, done, total: None
    elif sys.stderr.isatty():
        with _bars() as on_progress:
            yield on_progress
    else:
        yield _WaitingLine().on_progress


class _WaitingLine:
    """Says once that the build waits for another one."""

    def __init__(self) -> None:
        self.is_written = False

    def on_progress(self, step: str, done: int, total: int) -> None:
        if step == "wait" and not self.is_written:
            print("hashserve: waiting for another build into the same folder", file=sys.stderr, flush=True)
            self.is_written = True


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description:<9}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def on_progress(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done)

        yield on_progress
