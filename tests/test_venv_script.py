"""``.ci/venv`` on a Python without pip, as Debian has it. `make fresh` runs it where apt fetches pip."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tests.support import PROJECT
from tests.support.files import put

PYTHON = """#!/bin/sh
case "$*" in *ensurepip*) exit 1 ;; esac
exec {python} "$@"
"""
SENTENCE = "has no module ensurepip, so .venv gets no pip. On Debian: sudo apt-get install python3-venv.\n"


def run(folder: Path, **scripts: str) -> subprocess.CompletedProcess[str]:
    """Run the script in a folder that is like a checkout, with these commands instead of the system's."""
    (folder / ".ci").mkdir()
    shutil.copy(PROJECT / ".ci" / "venv", folder / ".ci")
    scripts = {"python3": PYTHON.format(python=sys.executable), **scripts}
    for name, script in scripts.items():
        put(folder / "bin", name, script.encode())
        (folder / "bin" / name).chmod(0o755)
    for name in ("cat", "dirname", "mkdir", "rm", "sh"):
        (folder / "bin" / name).symlink_to(shutil.which(name) or name)
    command = ["/bin/sh", str(folder / ".ci" / "venv"), "demo"]
    environment = {"PATH": str(folder / "bin")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_without_pip_and_apt_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    done = run(tmp_path)

    assert done.returncode == 1
    assert done.stdout == "Making .venv ...\n"
    assert done.stderr == f"python3 {SENTENCE}"
    assert not (tmp_path / ".venv").exists()


def test_without_a_mirror_apts_error_follows_the_sentence(tmp_path: Path) -> None:
    done = run(tmp_path, **{"apt-get": "#!/bin/sh\necho 'E: no mirror' >&2\nexit 100\n"})

    assert done.returncode == 1
    assert done.stderr == f"python3 {SENTENCE}Fetching pip without installing it failed too:\nE: no mirror\n"
    assert not (tmp_path / ".venv").exists()
