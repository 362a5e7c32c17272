"""The lock of an output: one build at a time holds it, and the others wait or give up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hashserve import BuildError
from hashserve.builder.output import lock
from hashserve.builder.output.lock import held_lock


def hold(folder: Path, wait_seconds: float = 0.0, waits: list[None] | None = None) -> None:
    """Hold the lock of a folder for a moment."""
    on_wait = (waits if waits is not None else []).append
    with held_lock(
        str(folder / "lock"), str(folder), wait_seconds=wait_seconds, on_wait=lambda: on_wait(None)
    ):
        pass


@pytest.fixture
def _another_build(tmp_path: Path) -> Iterator[None]:
    with held_lock(str(tmp_path / "lock"), str(tmp_path), wait_seconds=0, on_wait=lambda: None):
        yield


@pytest.mark.usefixtures("_another_build")
def test_a_second_build_fails(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="another build is writing to it; build again when it is done"):
        hold(tmp_path)


def test_a_build_does_not_keep_the_lock(tmp_path: Path) -> None:
    hold(tmp_path)
    hold(tmp_path)


@pytest.mark.usefixtures("_another_build")
def test_a_build_that_waits_calls_back_before_it_gives_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "RETRY_SECONDS", 0.001)
    waits: list[None] = []
    with pytest.raises(BuildError, match=r"another build is writing to it \(waited 0.05 s\)"):
        hold(tmp_path, 0.05, waits)
    assert waits


def test_a_file_system_without_locks_is_not_mistaken_for_another_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr("hashserve.builder.output.lock.fcntl.flock", flock)
    with pytest.raises(BuildError, match="cannot be locked: No locks available"):
        hold(tmp_path)


def test_a_lock_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "lock").mkdir()
    with pytest.raises(BuildError, match="lock: is not the file that builds make there; remove it"):
        hold(tmp_path)
