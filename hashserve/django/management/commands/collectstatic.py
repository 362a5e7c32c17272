"""``manage.py collectstatic``: Django's command, with a progress bar and a summary of the build.

Invariant: options, questions and results are Django's. With another storage it is Django's command.
"""

from __future__ import annotations

from contextlib import ExitStack
from functools import cached_property
from typing import Any

from django.contrib.staticfiles.management.commands import collectstatic
from django.core.management.base import CommandError

from hashserve.builder.report import BuildReport, Progress
from hashserve.cli.progress import progress
from hashserve.cli.summary import summary
from hashserve.django.storage import ManifestStaticFilesStorage

__all__ = ["Command"]


class Command(collectstatic.Command):
    """Collect static files, and build a release of them."""

    def handle(self, **options: Any) -> str | None:
        """Collect; return what Django prints at the end, followed by a summary of the build."""
        storage = self.storage
        if options["verbosity"] < 1 or not isinstance(storage, ManifestStaticFilesStorage):
            return self._collect(options)
        with ExitStack() as bars:
            display = _BuildDisplay(bars)
            with storage.observed_by(display):
                message = self._collect(options)
        if message is None or display.report is None:
            return message
        lists_all = options["verbosity"] > 1
        return f"{message}\n{summary(display.report, storage.location, listing='-v 2', lists_all=lists_all)}"

    def _collect(self, options: dict[str, Any]) -> str | None:
        """Collect as Django does. Raises `CommandError` where Django would raise `OSError`."""
        try:
            message: str | None = super().handle(**options)
        except BrokenPipeError:  # of standard output, and not of a file
            raise
        except OSError as error:
            location = error.filename or self.storage.location
            raise CommandError(
                f"{location}: {error.strerror or error}. No release is published; correct this and run "
                "collectstatic again."
            ) from error
        return message


class _BuildDisplay:
    """Shows progress bars and keeps the report.

    The bars appear with the first progress, because they would overwrite the question of Django's command.
    """

    def __init__(self, bars: ExitStack) -> None:
        self.report: BuildReport | None = None
        self._bars = bars

    @cached_property
    def _show(self) -> Progress:
        return self._bars.enter_context(progress(shown=True))

    def on_progress(self, step: str, done: int, total: int) -> None:
        """Show how many of the parts of a step are done."""
        self._show(step, done, total)

    def on_report(self, report: BuildReport) -> None:
        """Keep the report for the summary."""
        self.report = report
