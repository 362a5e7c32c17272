"""When a refresh runs, and who waits for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator

import pytest

from hashserve.django.cached_names import background_refresh
from hashserve.django.cached_names.background_refresh import BackgroundRefresh, RunningRefresh
from tests.support.clock import Clock
from tests.support.waiting import wait_until

INTERVAL = 5


class Refreshed:
    """A background refresh that counts what it does, and hangs while ``may_end`` is not set."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.refreshes = 0
        self.missing_results = 0
        self.may_end = threading.Event()
        self.may_end.set()
        self.is_reachable = True
        self.background = BackgroundRefresh(
            self._refresh, on_no_result=self._miss_result, interval=INTERVAL, clock=self.clock
        )

    def _refresh(self) -> None:
        self.refreshes += 1
        self.may_end.wait(30)
        self.background.record_result(is_reachable=self.is_reachable)

    def _miss_result(self) -> None:
        self.missing_results += 1

    def run_after_interval(self) -> None:
        self.clock.now += INTERVAL
        self.background.run_if_due()


@pytest.fixture
def refreshed() -> Iterator[Refreshed]:
    made = Refreshed()
    yield made
    made.may_end.set()
    wait_until(lambda: made.background._running is None)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, float], None]:
    """Return a function that sets how long callers wait, for the first refresh and for later ones."""

    def set_patience(first: float, later: float) -> None:
        monkeypatch.setattr(background_refresh, "FIRST_PATIENCE", first)
        monkeypatch.setattr(background_refresh, "PATIENCE", later)

    return set_patience


def test_a_refresh_runs_once_an_interval(refreshed: Refreshed) -> None:
    for _ in range(3):
        refreshed.background.run_if_due()
    assert refreshed.refreshes == 1
    refreshed.run_after_interval()
    assert refreshed.refreshes == 2


def test_a_refresh_that_is_made_due_runs_before_the_interval_ends(refreshed: Refreshed) -> None:
    refreshed.background.run_if_due()
    refreshed.background.make_due()
    refreshed.background.run_if_due()
    assert refreshed.refreshes == 2


def test_a_second_caller_waits_for_the_first_result_and_starts_no_refresh(refreshed: Refreshed) -> None:
    refreshed.may_end.clear()
    callers = [threading.Thread(target=refreshed.background.run_if_due) for _ in range(2)]
    for caller in callers:
        caller.start()
    wait_until(lambda: refreshed.refreshes == 1)
    assert all(caller.is_alive() for caller in callers)
    refreshed.may_end.set()
    for caller in callers:
        caller.join()
    assert (refreshed.refreshes, refreshed.missing_results) == (1, 0)


def test_a_caller_goes_on_without_a_first_result_that_takes_too_long(
    refreshed: Refreshed, patience: Callable[[float, float], None]
) -> None:
    patience(0.01, 30)
    refreshed.may_end.clear()
    refreshed.background.run_if_due()
    assert refreshed.missing_results == 1
    refreshed.run_after_interval()
    assert (refreshed.refreshes, refreshed.missing_results) == (1, 1)


@pytest.mark.parametrize(("is_reachable", "waits"), [(True, True), (False, False)])
def test_callers_wait_again_after_a_slow_refresh_only_if_the_cache_was_reached(
    refreshed: Refreshed, patience: Callable[[float, float], None], is_reachable: bool, waits: bool
) -> None:
    patience(0.01, 30)
    refreshed.is_reachable = is_reachable
    refreshed.may_end.clear()
    refreshed.background.run_if_due()
    refreshed.may_end.set()
    wait_until(lambda: refreshed.background._running is None)
    refreshed.may_end.clear()
    caller = threading.Thread(target=refreshed.run_after_interval)
    caller.start()
    wait_until(lambda: refreshed.refreshes == 2)
    if not waits:
        caller.join(30)
    assert caller.is_alive() is waits
    refreshed.may_end.set()
    caller.join()


def test_a_refresh_is_tried_again_after_no_thread_could_start(
    refreshed: Refreshed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        refreshed.background.run_if_due()
    assert (refreshed.refreshes, refreshed.missing_results) == (0, 1)
    refreshed.run_after_interval()
    assert refreshed.refreshes == 1


def test_a_child_of_a_fork_runs_the_refresh_that_its_parent_had_begun(refreshed: Refreshed) -> None:
    refreshed.background._running = RunningRefresh(os.getpid() + 1, threading.Event())
    refreshed.background.run_if_due()
    assert refreshed.refreshes == 1


def test_a_refresh_that_another_caller_ran_meanwhile_is_not_run_again(refreshed: Refreshed) -> None:
    refreshed.background.record_result()
    assert refreshed.background._claim() is None
