"""``manage.py collectstatic``: Django's, with a progress bar and a summary of what was built.

Law: options, questions and results are Django's; a storage that is not ours gets nothing but those.
"""

from __future__ import annotations

from typing import Any

from django.contrib.staticfiles.management.commands import collectstatic

from hashserve.cli_build import progress, summary
from hashserve.django.storage import ManifestStaticFilesStorage

__all__ = ["Command"]


class Command(collectstatic.Command):
    """Collect static files, and tell what became of them."""

    def handle(self, **options: Any) -> str | None:
        """Collect; gives what Django prints at the end, and a summary of the build below it."""
        storage = self.storage
        if options["verbosity"] < 1 or not isinstance(storage, ManifestStaticFilesStorage):
            return self._collect(options)
        with progress(shown=True) as on_progress:
            message, report = storage.reported(lambda: self._collect(options), on_progress)
        if message is None or report is None:
            return message
        return f"{message}\n{summary(report, storage.location)}"

    def _collect(self, options: dict[str, Any]) -> str | None:
        message: str | None = super().handle(**options)
        return message
