"""``manage.py hashserve``: the ``hashserve`` commands that look at a built folder, for STATIC_ROOT."""

from __future__ import annotations

import argparse
import sys
from typing import Any, ClassVar

from django.conf import settings
from django.core.checks import Tags
from django.core.management.base import BaseCommand, CommandError

from hashserve.cli import main

__all__ = ["Command"]

ACTIONS = ("check", "prune", "report")


class Command(BaseCommand):
    """Check, prune or report on STATIC_ROOT; ``hashserve check --help`` lists the options of one."""

    help = "Check, prune or report on the static files in STATIC_ROOT."
    requires_system_checks: ClassVar[list[str]] = [Tags.staticfiles]

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take the action, and leave its options to it."""
        parser.add_argument("action", choices=ACTIONS, help="what to do")
        parser.add_argument("options", nargs=argparse.REMAINDER, help="its options, as of hashserve itself")

    def run_from_argv(self, argv: list[str]) -> None:
        """Have an action's ``--help`` be its own and not Django's."""
        if len(argv) > 2 and argv[2] in ACTIONS and {"-h", "--help"} & set(argv[3:]):
            sys.exit(main([argv[2], "--help"]))
        super().run_from_argv(argv)

    def handle(self, *, action: str, options: list[str], **others: Any) -> None:
        """Run the action; where it found faults, the process ends with its code. Raises `CommandError`."""
        if not settings.STATIC_ROOT:
            raise CommandError("STATIC_ROOT is not set: there is no folder to look at")
        code = main([action, str(settings.STATIC_ROOT), *options])
        if code:
            sys.exit(code)
