"""``manage.py collectstatic``: Django's, with a progress bar and a summary of what was built.

Invariant: options, questions and results are Django's; a storage that is not ours gets nothing but those.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from typing import Any

from django.contrib.staticfiles.management.commands import collectstatic
from django.core.management.base import CommandError

from hashserve.builder.job import Progress
from hashserve.cli.build import progress, summary
from hashserve.django.storage import ManifestStaticFilesStorage

__all__ = ["Command"]


class Command(collectstatic.Command):
    """Collect static files, and tell what became of them."""

    def handle(self, **options: Any) -> str | None:
        """Collect; gives what Django prints at the end, and a summary of the build below it."""
        storage = self.storage
        if options["verbosity"] < 1 or not isinstance(storage, ManifestStaticFilesStorage):
            return self._collect(options)
        with ExitStack() as shown:
            bars = _Bars(shown)
            message, report = storage.reported(lambda: self._collect(options), bars.on_progress)
        if message is None or report is None:
            return message
        told = summary(report, storage.location, listing="-v 2", lists_all=options["verbosity"] > 1)
        return f"{message}\n{told}"

    def _collect(self, options: dict[str, Any]) -> str | None:
        """Collect as Django does. Raises `CommandError` where Django would raise `OSError`."""
        try:
            message: str | None = super().handle(**options)
        except BrokenPipeError:  # of who reads what is printed
            raise
        except OSError as error:
            where = error.filename or self.storage.location
            raise CommandError(
                f"{where}: {error.strerror or error}; no release is published, collect again"
            ) from error
        return message


class _Bars:
    """Progress, shown from when there is some on: bars would redraw the question over its answer."""

    def __init__(self, shown: ExitStack) -> None:
        self._shown = shown

    @cached_property
    def _on_progress(self) -> Progress:
        return self._shown.enter_context(progress(shown=True))

    def on_progress(self, step: str, done: int, total: int) -> None:
        """Show how far a step is."""
        self._on_progress(step, done, total)
