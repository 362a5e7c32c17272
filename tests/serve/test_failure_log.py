"""The log of failures: once for a file, from time to time for the machine, and in no client's words."""

from __future__ import annotations

import errno

import pytest

from hashserve.serve.failure_log import LOGGED_AGAIN_AFTER, MOST_LOGGED, FailureLog, log_missing_root
from hashserve.serve.files import ChangedFileError


def test_a_problem_of_a_file_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    log = FailureLog(lambda: 0.0)
    for _ in range(3):
        log.log_failure("/static/a.txt", ChangedFileError("a.txt", "changed while it was read"))
    assert caplog.messages == ["cannot serve /static/a.txt: a.txt: changed while it was read"]


def test_a_path_never_starts_a_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    FailureLog(lambda: 0.0).log_failure("/a\nERROR all is lost", PermissionError(errno.EACCES, "denied"))
    assert caplog.messages == ["cannot serve /a%0AERROR%20all%20is%20lost: [Errno 13] denied"]


def test_the_number_of_logged_problems_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    log = FailureLog(lambda: 0.0)
    for number in range(MOST_LOGGED + 10):
        log.log_once(str(number))
    assert len(caplog.messages) == MOST_LOGGED


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
