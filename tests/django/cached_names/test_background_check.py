"""When a check runs, and who waits for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator

import pytest

from hashserve.django.cached_names import background_check
from hashserve.django.cached_names.background_check import BackgroundCheck, RunningCheck
from tests.support.clock import Clock
from tests.support.waiting import wait_until

INTERVAL = 5


class Checked:
    """A background check that counts what it does, and hangs while ``may_end`` is not set."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.checks = 0
        self.missing_results = 0
        self.may_end = threading.Event()
        self.may_end.set()
        self.is_reachable = True
        self.background = BackgroundCheck(
            self._check, on_no_result=self._miss_result, interval=INTERVAL, clock=self.clock
        )

    def _check(self) -> None:
        self.checks += 1
        self.may_end.wait(30)
        self.background.record_result(is_reachable=self.is_reachable)

    def _miss_result(self) -> None:
        self.missing_results += 1

    def run_after_interval(self) -> None:
        self.clock.now += INTERVAL
        self.background.run_if_due()


@pytest.fixture
def checked() -> Iterator[Checked]:
    made = Checked()
    yield made
    made.may_end.set()
    wait_until(lambda: made.background._running is None)


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, float], None]:
    """Return a function that sets how long callers wait, for the first check and for later ones."""

    def set_patience(first: float, later: float) -> None:
        monkeypatch.setattr(background_check, "FIRST_PATIENCE", first)
        monkeypatch.setattr(background_check, "PATIENCE", later)

    return set_patience


def test_a_check_runs_once_an_interval(checked: Checked) -> None:
    for _ in range(3):
        checked.background.run_if_due()
    assert checked.checks == 1
    checked.run_after_interval()
    assert checked.checks == 2


def test_a_check_that_is_made_due_runs_before_the_interval_ends(checked: Checked) -> None:
    checked.background.run_if_due()
    checked.background.make_due()
    checked.background.run_if_due()
    assert checked.checks == 2


def test_a_second_caller_waits_for_the_first_result_and_starts_no_check(checked: Checked) -> None:
    checked.may_end.clear()
    callers = [threading.Thread(target=checked.background.run_if_due) for _ in range(2)]
    for caller in callers:
        caller.start()
    wait_until(lambda: checked.checks == 1)
    assert all(caller.is_alive() for caller in callers)
    checked.may_end.set()
    for caller in callers:
        caller.join()
    assert (checked.checks, checked.missing_results) == (1, 0)


def test_a_caller_goes_on_without_a_first_result_that_takes_too_long(
    checked: Checked, patience: Callable[[float, float], None]
) -> None:
    patience(0.01, 30)
    checked.may_end.clear()
    checked.background.run_if_due()
    assert checked.missing_results == 1
    checked.run_after_interval()
    assert (checked.checks, checked.missing_results) == (1, 1)


@pytest.mark.parametrize(("is_reachable", "waits"), [(True, True), (False, False)])
def test_callers_wait_again_after_a_slow_check_only_if_the_cache_was_reached(
    checked: Checked, patience: Callable[[float, float], None], is_reachable: bool, waits: bool
) -> None:
    patience(0.01, 30)
    checked.is_reachable = is_reachable
    checked.may_end.clear()
    checked.background.run_if_due()
    checked.may_end.set()
    wait_until(lambda: checked.background._running is None)
    checked.may_end.clear()
    caller = threading.Thread(target=checked.run_after_interval)
    caller.start()
    wait_until(lambda: checked.checks == 2)
    if not waits:
        caller.join(30)
    assert caller.is_alive() is waits
    checked.may_end.set()
    caller.join()


def test_a_check_is_tried_again_after_no_thread_could_start(
    checked: Checked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        checked.background.run_if_due()
    assert (checked.checks, checked.missing_results) == (0, 1)
    checked.run_after_interval()
    assert checked.checks == 1


def test_a_child_of_a_fork_runs_the_check_that_its_parent_had_begun(checked: Checked) -> None:
    checked.background._running = RunningCheck(os.getpid() + 1)
    checked.background.run_if_due()
    assert checked.checks == 1


def test_a_check_that_another_caller_ran_meanwhile_is_not_run_again(checked: Checked) -> None:
    checked.background.record_result()
    assert checked.background._claim() is None
