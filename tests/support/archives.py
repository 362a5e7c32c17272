"""Archives that tests fetch, unpacked."""

from __future__ import annotations

import tarfile
from pathlib import Path

__all__ = ["unpack"]


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a tarball, with the filter that refuses what leads out of ``folder``.

    Early releases of Python 3.10 and 3.11, such as that of Debian 12, have no filters. Archives are pinned or
    come from a package index, so they are unpacked without one there.
    """
    with tarfile.open(archive) as opened:
        if hasattr(tarfile, "data_filter"):
            opened.extractall(folder, filter="data")
        else:
            opened.extractall(folder)
