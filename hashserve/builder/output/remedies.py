"""What to do where the output cannot be written: a remedy for each error of the system.

Invariant: whoever is told that a build failed is told that the release in force is untouched.
"""

from __future__ import annotations

import errno

from hashserve.errors import BuildError

__all__ = ["unwritable"]

_REMEDIES = {
    errno.ENOSPC: "make room",
    errno.EDQUOT: "make room",
    errno.EACCES: "check the permissions",
    errno.EPERM: "check the permissions",
    errno.EROFS: "choose a folder that can be written",
    errno.ENAMETOOLONG: "shorten its name",
    **dict.fromkeys(
        (errno.EISDIR, errno.ENOTDIR, errno.EEXIST),
        "something has taken that name while it was built: build again",
    ),
}


def unwritable(location: str, error: OSError) -> BuildError:
    """Give the error that tells of a file or a folder, at ``location``, that cannot be written."""
    remedy = _REMEDIES.get(error.errno or 0, "look after the disk")
    return BuildError(
        location,
        f"cannot be written: {error.strerror or error}",
        f"{remedy}; the release in force is untouched",
    )
