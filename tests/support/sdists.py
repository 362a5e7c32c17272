"""Source distributions of other projects: downloaded by pip, and unpacked once for each release."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.archives import unpack

__all__ = ["SdistUnavailableError", "unpacked_sdist"]

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "sdists"


class SdistUnavailableError(Exception):
    """A source distribution is not in the cache and cannot be downloaded."""


def unpacked_sdist(name: str, version: str) -> Path:
    """Return the folder of a source distribution. Raises `SdistUnavailableError`."""
    folder = CACHE / f"{name}-{version}"
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as temporary:
            archive = _downloaded(f"{name}=={version}", Path(temporary))
            unpack(archive, Path(temporary))
            archive.unlink()
            (unpacked,) = Path(temporary).iterdir()
            shutil.move(unpacked, folder)
    return folder


def _downloaded(wanted: str, folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "-q"]
    done = subprocess.run(
        [*command, "-d", str(folder), wanted], capture_output=True, text=True, check=False, timeout=240
    )
    if done.returncode:
        raise SdistUnavailableError(f"{wanted}: {done.stderr.strip()}")
    return next(folder.glob("*.tar.gz"))
