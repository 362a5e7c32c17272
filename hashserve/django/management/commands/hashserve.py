"""``manage.py hashserve``: what there is to do with STATIC_ROOT once it is filled.

Invariant: to check, prune and report are the commands of ``hashserve`` itself; only to publish is Django's.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any, ClassVar

from django.core.checks import Tags
from django.core.files.storage import storages
from django.core.management.base import BaseCommand, CommandError

from hashserve.cli.main import main
from hashserve.django.checks import CACHED_STORAGE
from hashserve.django.static_location import static_root
from hashserve.django.storage import CachedStaticFilesStorage

__all__ = ["Command"]

ACTIONS = ("check", "prune", "report")
PUBLISH = "publish"


class Command(BaseCommand):
    """Check, prune or report on STATIC_ROOT; ``hashserve check --help`` lists the options of one."""

    help = "Check, prune, publish the names of or report on the static files in STATIC_ROOT."
    requires_system_checks: ClassVar[list[str]] = [Tags.staticfiles]

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take the action, and leave its options to it."""
        parser.add_argument("action", choices=(*ACTIONS, PUBLISH), help="what to do")
        parser.add_argument("options", nargs=argparse.REMAINDER, help="its options, as of hashserve itself")

    def run_from_argv(self, argv: list[str]) -> None:
        """Have an action's ``--help`` be its own and not Django's."""
        if len(argv) > 2 and argv[2] in ACTIONS and {"-h", "--help"} & set(argv[3:]):
            sys.exit(main([argv[2], "--help"]))
        super().run_from_argv(argv)

    def handle(self, *, action: str, options: list[str], **others: Any) -> None:
        """Run the action; where it found faults, the process ends with its code. Raises `CommandError`."""
        root = static_root()
        if root is None:
            raise CommandError("STATIC_ROOT is not set: there is no folder to look at")
        if action == PUBLISH:
            self._publish(root)
            return
        code = main([action, root, *options])
        if code:
            sys.exit(code)

    def _publish(self, root: str) -> None:
        storage = storages["staticfiles"]
        if not isinstance(storage, CachedStaticFilesStorage):
            problem = f"{type(storage).__name__} keeps no names in a cache"
            raise CommandError(f'STORAGES["staticfiles"]: {problem}; {CACHED_STORAGE} does')
        if not storage.hashed_files:
            raise CommandError(f"{root}: there is no release; run manage.py collectstatic")
        self.stdout.write(f"release {storage.publish()} is in force")
