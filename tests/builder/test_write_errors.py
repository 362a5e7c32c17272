"""A file that cannot be written is reported with its place and a remedy."""

from __future__ import annotations

import errno
import os

import pytest

from hashserve.builder.output.write_errors import write_error

REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EROFS: "choose a folder that can be written to",
    errno.EACCES: "check the permissions",
    errno.EISDIR: "build again",
    errno.EIO: "check the disk",
}


@pytest.mark.parametrize("number", REMEDIES)
def test_an_error_of_the_system_comes_with_its_remedy_and_the_state_of_the_release(number: int) -> None:
    text = str(write_error("/out/a", OSError(number, os.strerror(number))))
    assert text.startswith(f"/out/a: cannot be written: {os.strerror(number)}; ")
    assert REMEDIES[number] in text
    assert text.endswith("the release in force is untouched")


def test_an_error_without_a_number_is_shown_in_its_own_words() -> None:
    assert "cannot be written: odd; check the disk" in str(write_error("/out/a", OSError("odd")))
