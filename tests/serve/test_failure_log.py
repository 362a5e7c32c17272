"""The log of failures: once for a file, from time to time for the machine, and in no client's words."""

from __future__ import annotations

import errno

import pytest

from hashserve.serve.failure_log import (
    LOGGED_AGAIN_AFTER,
    MOST_LOGGED,
    MOST_LOGGED_OF_CLIENTS,
    PERIOD,
    FailureLog,
    log_missing_root,
)
from hashserve.serve.files import ChangedFileError
from tests.support.clock import Clock


def test_a_problem_of_a_file_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    log = FailureLog(lambda: 0.0)
    for _ in range(3):
        log.log_failure("/static/a.txt", ChangedFileError("a.txt", "changed while it was read"))
    assert caplog.messages == ["cannot serve /static/a.txt: a.txt: changed while it was read"]


def test_a_path_never_starts_a_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    FailureLog(lambda: 0.0).log_failure("/a\nERROR all is lost", PermissionError(errno.EACCES, "denied"))
    assert caplog.messages == ["cannot serve /a%0AERROR%20all%20is%20lost: [Errno 13] denied"]


def test_an_error_never_starts_a_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    error = ChangedFileError("/srv/a\nERROR\x1b[2J\u2028\udcff é.txt", "is not a regular file")
    FailureLog(lambda: 0.0).log_failure("/a", error)
    assert caplog.messages == [
        "cannot serve /a: /srv/a\\nERROR\\x1b[2J\\u2028\\udcff é.txt: is not a regular file"
    ]


def fail(log: FailureLog, number: int) -> None:
    log.log_failure(f"/static/self/{number}.txt", PermissionError(errno.EACCES, "denied"))


def test_paths_that_clients_choose_do_not_keep_a_damaged_file_out_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    log = FailureLog(Clock())
    for number in range(10 * MOST_LOGGED):
        fail(log, number)
    assert len(caplog.messages) == MOST_LOGGED_OF_CLIENTS + 1
    assert len(log) == MOST_LOGGED_OF_CLIENTS
    log.log_once("/static/app.0123.css as identity: is damaged")
    assert caplog.messages[-1].endswith("is damaged")


def test_what_was_left_out_is_counted_and_the_log_goes_on_in_the_next_period(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    log = FailureLog(clock)
    for number in range(MOST_LOGGED + 10):
        log.log_once(str(number))
    assert len(caplog.messages) == MOST_LOGGED + 1
    assert caplog.messages[-1] == (
        "too many problems with the site's own files: the next are logged in an hour"
    )
    caplog.clear()
    clock.now = PERIOD
    for _ in range(2):
        log.log_once("0")
    assert caplog.messages == ["10 messages about the site's own files were left out", "cannot serve 0"]
    assert len(log) == 1


def test_a_problem_that_lasts_is_logged_again_in_the_next_period(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    log = FailureLog(clock)
    for clock.now in (0.0, PERIOD - 1, PERIOD, PERIOD + 1):
        fail(log, 1)
    assert len(caplog.messages) == 2


def test_a_shortage_is_logged_again_after_a_while_whichever_file_shows_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [0.0]
    log = FailureLog(lambda: now[0])
    moments = [0.0, 1.0, LOGGED_AGAIN_AFTER - 1.0, LOGGED_AGAIN_AFTER]
    for now[0] in moments:
        log.log_failure(f"/{now[0]}.txt", OSError(errno.EMFILE, "too many open files"))
    assert len(caplog.messages) == 2


def test_two_shortages_are_logged_both(caplog: pytest.LogCaptureFixture) -> None:
    log = FailureLog(lambda: 0.0)
    for number in (errno.EMFILE, errno.EIO, errno.EMFILE):
        log.log_failure("/a.txt", OSError(number, "trouble"))
    assert len(caplog.messages) == 2


def test_a_root_that_is_missing_is_logged_once_in_a_process(caplog: pytest.LogCaptureFixture) -> None:
    log_missing_root.cache_clear()
    for _ in range(2):
        log_missing_root("/nowhere/")
    assert caplog.messages == [
        "there is no folder at /nowhere/ yet; its files are served as soon as it exists"
    ]
