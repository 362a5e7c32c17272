"""What cannot be written is told of with its place, and with what to do."""

from __future__ import annotations

import errno
import os

import pytest

from hashserve.builder.output.remedies import unwritable

REMEDIES = {
    errno.ENOSPC: "make room",
    errno.EROFS: "choose a folder that can be written",
    errno.EACCES: "check the permissions",
    errno.EISDIR: "build again",
    errno.EIO: "look after the disk",
}


@pytest.mark.parametrize("number", REMEDIES)
def test_an_error_of_the_system_comes_with_its_remedy_and_the_state_of_the_release(number: int) -> None:
    told = str(unwritable("/out/a", OSError(number, os.strerror(number))))
    assert told.startswith(f"/out/a: cannot be written: {os.strerror(number)}; ")
    assert REMEDIES[number] in told
    assert told.endswith("the release in force is untouched")


def test_an_error_without_a_number_is_told_in_its_own_words() -> None:
    assert "cannot be written: odd; look after the disk" in str(unwritable("/out/a", OSError("odd")))
