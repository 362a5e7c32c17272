"""Commands that run in the process of a test."""

from __future__ import annotations

import os

import pytest

from hashserve.cli.main import main

TEXT = b"a text that is long enough to be worth compressing\n" * 20


class Ran:
    """A command that ran in this process: its exit code, and what it wrote to each stream."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: str | os.PathLike[str]) -> None:
        self.code = main([os.fspath(argument) for argument in arguments])
        self.out, self.err = capsys.readouterr()
