"""Errors of the system while the output is written, each with what to do about it.

Invariant: every message says that the release in force is untouched.
"""

from __future__ import annotations

import errno

from hashserve.errors import BuildError

__all__ = ["write_error"]

_NAME_IS_TAKEN = "another process created something at this path during the build: build again"

_REMEDIES = {
    errno.ENOSPC: "free some space on the disk",
    errno.EDQUOT: "free some space, or raise the disk quota",
    errno.EACCES: "check the permissions",
    errno.EPERM: "check the permissions",
    errno.EROFS: "choose a folder that can be written to",
    errno.ENAMETOOLONG: "shorten the file name",
    errno.EISDIR: _NAME_IS_TAKEN,
    errno.ENOTDIR: _NAME_IS_TAKEN,
    errno.EEXIST: _NAME_IS_TAKEN,
}


def write_error(location: str, error: OSError) -> BuildError:
    """Return the error for a file or a folder, at ``location``, that could not be written."""
    remedy = _REMEDIES.get(error.errno or 0, "check the disk")
    return BuildError(
        location,
        f"cannot be written: {error.strerror or error}",
        f"{remedy}; the release in force is untouched",
    )
