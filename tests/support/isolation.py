"""The folders of a run: what tests and their programs write outside the checkout is removed at its end.

Invariant: HOME and TMPDIR name folders of this run, and caches that later runs use are in ``.cache``. The
settings of pip, npm and git in the user's own home apply all the same, because they say where packages are.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.support import PROJECT

__all__ = ["isolate"]

_FOLDERS = ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")
_CACHES = {"npm_config_cache": ".cache/npm-cache", "PIP_CACHE_DIR": ".cache/pip"}


def isolate() -> Callable[[], None]:
    """Set HOME, TMPDIR and the caches for this process and its children; return what removes the folders."""
    # Short, because sockets are made in it; for everybody, because servers drop their rights.
    folder = Path(tempfile.mkdtemp(prefix="hs-"))
    folder.chmod(0o755)
    for variable, path in _settings(Path.home()).items():
        os.environ.setdefault(variable, str(path))
    for variable, place in _CACHES.items():
        os.environ.setdefault(variable, str(PROJECT / place))
    (folder / "home").mkdir()
    for variable in _FOLDERS:
        os.environ.pop(variable, None)
    os.environ["HOME"] = str(folder / "home")
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = None  # so that it is read anew
    return lambda: _remove(folder)


def _settings(home: Path) -> dict[str, Path]:
    """Return the settings of a user by the variables that name them."""
    configuration = Path(os.environ.get("XDG_CONFIG_HOME", home / ".config"))
    places = {
        "PIP_CONFIG_FILE": (configuration / "pip" / "pip.conf", home / ".pip" / "pip.conf"),
        "npm_config_userconfig": (home / ".npmrc",),
        "GIT_CONFIG_GLOBAL": (home / ".gitconfig", configuration / "git" / "config"),
    }
    found = {name: next(filter(Path.exists, paths), None) for name, paths in places.items()}
    return {name: path for name, path in found.items() if path is not None}


def _remove(folder: Path) -> None:
    """Remove a folder, also what tests have made unreadable in it."""
    for parent, names, _ in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            if not os.path.islink(path):
                os.chmod(path, stat.S_IRWXU)
    shutil.rmtree(folder, ignore_errors=True)
