"""``manage.py collectstatic``: Django's command, with a progress bar and a summary of the build.

Invariant: options and results are Django's, but ``--clear`` deletes only at the end, and nothing that a
release in force lists. With another storage it is Django's command.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import cached_property
from typing import Any

from django.contrib.staticfiles.management.commands import collectstatic
from django.core.management.base import CommandError

from hashserve.builder.report import BuildReport, Progress
from hashserve.cli.progress import progress
from hashserve.cli.summary import summary
from hashserve.cli.terminal import write_any_character
from hashserve.django.static_location import static_root
from hashserve.django.storage import ManifestStaticFilesStorage
from hashserve.file_tree import walk_folders
from hashserve.visible_text import visible

__all__ = ["Command"]


class Command(collectstatic.Command):
    """Collect static files, and build a release of them."""

    def handle(self, **options: Any) -> str | None:
        """Collect; return what Django prints at the end, followed by a summary of the build."""
        write_any_character(self.stdout, self.stderr)
        storage = self._usable_storage()
        if options["clear"] and options["interactive"] and self._has_our_storage:
            self._confirm_clearing()
            options["interactive"] = False
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
            # Django raises some of them with a sentence instead of a number.
            problem = error.strerror or " ".join(map(str, error.args)).rstrip(".")
            raise CommandError(
                visible(f"{location}: {problem}. ")
                + "No release is published; correct this and run collectstatic again."
            ) from error
        return message

    def log(self, msg: str, level: int = 2) -> None:
        """Print a line as Django does, with names of files spelt visibly."""
        super().log(visible(msg), level=level)

    def _usable_storage(self) -> Any:
        """Return the storage. Raises `CommandError` if the manifest that it loads cannot be read."""
        try:
            isinstance(self.storage, ManifestStaticFilesStorage)  # makes the storage
        except ValueError as error:
            raise CommandError(
                visible(f"{static_root()}: {error}")
                + ". Remove that file, and run collectstatic again. What earlier releases have is then "
                "dropped, unless PREVIOUS names a site or a folder that has it"
            ) from error
        return self.storage

    # Clearing

    @property
    def _has_our_storage(self) -> bool:
        return isinstance(self.storage, ManifestStaticFilesStorage)

    def _confirm_clearing(self) -> None:
        """Ask as Django does, and say what is kept. Raises `CommandError`."""
        root = self.storage.location
        if os.path.isdir(root) and os.listdir(root) and input(_QUESTION.format(root=root)) != "yes":
            raise CommandError("Collecting static files cancelled.")

    def clear_dir(self, path: str) -> None:
        """Let every file of a folder be deleted once the new release is in force."""
        if not self._has_our_storage:
            super().clear_dir(path)
        elif not self.dry_run:
            self.storage.delete_later(self._files_below(path))

    def _files_below(self, path: str) -> list[str]:
        start = f"{path}/" if path else ""
        return [
            f"{start}{folder}{entry.name}"
            for folder, entries in walk_folders(self.storage.path(path))
            for entry in entries
            if not entry.is_dir(follow_symlinks=False)
        ]

    def collect(self) -> dict[str, list[str]]:
        """Collect as Django does; with ``--clear``, delete only then what no release and no source has.

        Raises `CommandError` where folders are too deep for Django's finders, which call themselves.
        """
        try:
            return self._collect_files()
        except RecursionError as error:
            raise CommandError(
                "A folder of static files has too many folders in each other for Django's finders. "
                "Nest fewer, or leave them out with --ignore."
            ) from error

    def _collect_files(self) -> dict[str, list[str]]:
        collected: dict[str, list[str]]
        if not (self.clear and self._has_our_storage):
            collected = super().collect()
        elif self.dry_run:
            collected = super().collect()
            for path in self.storage.clearable(self._files_below(""), kept=self._collected_paths()):
                self.log(f"Pretending to delete '{path}'", level=1)
        else:
            kept: set[str] = set()
            with self.storage.deletions_at_the_end(kept) as deleted:
                collected = super().collect()
                kept |= self._collected_paths()
            for path in deleted:
                self.log(f"Deleting '{path}'", level=1)
        return collected

    def _collected_paths(self) -> set[str]:
        found = (*self.copied_files, *self.symlinked_files, *self.unmodified_files)
        return {path.replace(os.sep, "/") for path in found}

    def link_file(self, path: str, prefixed_path: str, source_storage: Any) -> None:
        """Link a file; leave a link that leads to it already, so that it is never missing."""
        location, source = self.storage.path(prefixed_path), source_storage.path(path)
        if self.dry_run or not os.path.islink(location) or os.readlink(location) != source:
            super().link_file(path, prefixed_path, source_storage)
        elif prefixed_path not in self.symlinked_files:
            self.log(f"Linking '{source}'", level=2)
            self.symlinked_files.append(prefixed_path)


_QUESTION = """
You have requested to collect static files at the destination
location as specified in your settings:

    {root}

This will DELETE ALL FILES in this location that are not part of the new
release, or of an earlier one that stays served, once the new one is in force!
Are you sure you want to do this?

Type 'yes' to continue, or 'no' to cancel: """


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
