"""``manage.py hashserve``: checks, prunes or reports on STATIC_ROOT, or publishes its names.

Invariant: ``check``, ``prune`` and ``report`` are the commands of ``hashserve`` itself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from typing import Any, ClassVar

from django.core.checks import Tags
from django.core.files.storage import storages
from django.core.management.base import BaseCommand, CommandError

from hashserve.cli.main import main
from hashserve.django.class_names import CACHED_STORAGE
from hashserve.django.settings import load
from hashserve.django.static_location import static_root
from hashserve.django.storage import CachedStaticFilesStorage
from hashserve.settings.check import CheckSettings

__all__ = ["Command"]

ACTIONS = ("check", "prune", "report")
PUBLISH = "publish"


class Command(BaseCommand):
    """Check, prune or report on STATIC_ROOT, or publish its names in the cache."""

    help = "Check, prune or report on the static files in STATIC_ROOT, or publish their names in the cache."
    requires_system_checks: ClassVar[list[str]] = [Tags.staticfiles]

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add the action; the options after it belong to the action."""
        parser.add_argument("action", choices=(*ACTIONS, PUBLISH), help="what to do")
        parser.add_argument(
            "options", nargs=argparse.REMAINDER, help="the action's options, see hashserve check --help"
        )

    def run_from_argv(self, argv: list[str]) -> None:
        """Show the help of an action, and not Django's, for ``--help`` after it."""
        if len(argv) > 2 and argv[2] in ACTIONS and {"-h", "--help"} & set(argv[3:]):
            sys.exit(main([argv[2], "--help"]))
        super().run_from_argv(argv)

    def handle(self, *, action: str, options: list[str], **others: Any) -> None:
        """Run the action, and exit with its code if that is not 0. Raises `CommandError`."""
        root = static_root()
        if root is None:
            raise CommandError("STATIC_ROOT is not set. Set it to the folder that collectstatic fills")
        if action == PUBLISH:
            self._publish(root)
            return
        code = main([action, root, *(_options_of_check() if action == "check" else ()), *options])
        if code:
            sys.exit(code)

    def _publish(self, root: str) -> None:
        storage = storages["staticfiles"]
        if not isinstance(storage, CachedStaticFilesStorage):
            raise CommandError(
                f'STORAGES["staticfiles"]["BACKEND"]: {type(storage).__name__} keeps no names in a cache. '
                f'Use "{CACHED_STORAGE}"'
            )
        if not storage.hashed_files:
            raise CommandError(f"{root}: there is no release. Run manage.py collectstatic")
        self.stdout.write(f"release {storage.publish()} is in force")


def _options_of_check() -> Iterator[str]:
    """Yield the project's settings of the check as options; those on the command line come after them."""
    for name, value in load().check.items():
        for item in value if isinstance(value, tuple) else (value,):
            yield f"{CheckSettings.table[name].option}={item}"
