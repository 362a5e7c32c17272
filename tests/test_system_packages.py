"""The installation of the system's parts: what cannot be had keeps out nothing else, and each says why."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import PROJECT, system_parts
from tests.support.files import put
from tests.support.services import Service
from tests.support.system_parts import PARTS

APT_GET = """#!/bin/sh
echo "$@" >>"$LOG"
case " $* " in *" install "*"npm "*) echo "E: npm has unmet dependencies" >&2; exit 100 ;; esac
"""
APT_CACHE = """#!/bin/sh
shift
for name; do case " $KNOWN " in *" $name "*) echo "$name | 1.0 | main" ;; esac; done
"""
NOTE = '#!/bin/sh\necho "{name} $*" >>"$LOG"\n'


class Machine:
    """A machine without any part, whose apt says and does what a test writes."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.log, self.policy = folder / "bin", folder / "log", folder / "policy-rc.d"
        scripts = {"apt-get": APT_GET, "apt-cache": APT_CACHE, "sudo": '#!/bin/sh\nshift\nexec "$@"\n'}
        scripts |= {name: NOTE.format(name=name) for name in ("install", "rm", "systemctl")}
        for name, script in scripts.items():
            put(self.bin, name, script.encode())
            (self.bin / name).chmod(0o755)
        for name in ("env", "sh", "true"):
            (self.bin / name).symlink_to(f"/bin/{name}")
        self.log.touch()

    def run(self, *arguments: str, known: str = "") -> tuple[int, str, list[str]]:
        """Run the command; return its status, its output, and the calls of apt and others."""
        program = f"from tests import system_packages as run; run.POLICY = {str(self.policy)!r}; "
        program += "raise SystemExit(run.main())"
        environment = {"PATH": str(self.bin), "LOG": str(self.log), "KNOWN": known}
        done = subprocess.run(
            [sys.executable, "-c", program, *arguments],
            cwd=PROJECT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        return done.returncode, done.stdout, self.log.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def installs(calls: list[str]) -> list[str]:
    """Return the packages of each call of ``apt-get install``."""
    return [packages for call in calls for _, found, packages in [call.partition(" install ")] if found]


def test_a_package_that_cannot_be_installed_keeps_out_no_other(machine: Machine) -> None:
    status, output, calls = machine.run("--install", known="dpkg chromium npm wrk")

    assert installs(calls) == ["chromium npm wrk", "chromium", "npm", "wrk"]
    assert "npm (real trees and bundlers): npm cannot be installed: E: npm has unmet dependencies\n" in output
    assert status == 1


def test_a_package_that_the_distribution_lacks_is_named_and_no_failure(machine: Machine) -> None:
    status, output, calls = machine.run("--install", known="dpkg")

    assert installs(calls) == []
    assert "trafficserver (caches): this distribution has no package trafficserver\n" in output
    assert status == 0


def test_without_lists_no_package_counts_as_lacking(machine: Machine) -> None:
    status, output, calls = machine.run("--install", known="")

    assert "trafficserver" in installs(calls)[0].split()
    assert "this distribution has no" not in output
    assert status == 1


def test_services_of_packages_do_not_start_meanwhile(machine: Machine) -> None:
    _, _, calls = machine.run("--install", known="dpkg redis-server wrk")

    assert [call.split()[0] for call in calls if "update" not in call] == ["install", "-y", "rm"]
    assert calls[-1] == f"rm -f {machine.policy}"


def test_without_the_option_nothing_is_installed(machine: Machine) -> None:
    status, output, calls = machine.run(known="dpkg chromium")

    assert calls == []
    assert "chromium (pages in a real browser): chromium is not installed\n" in output
    assert output.endswith("`make system-packages` installs what this distribution has of them.\n")
    assert status == 0


def test_a_part_that_is_installed_and_does_not_run_says_so(machine: Machine) -> None:
    put(machine.bin, "node", b"#!/bin/sh\necho 'node: no libc' >&2\nexit 127\n")
    (machine.bin / "node").chmod(0o755)
    _, output, _ = machine.run(known="dpkg nodejs")

    assert "node --version' ends with status 127: node: no libc\n" in output


def all_services(kind: type[Service] = Service) -> set[str]:
    found = {kind.tool} if "tool" in vars(kind) else set()
    return found.union(*(all_services(below) for below in kind.__subclasses__()))


def test_each_service_of_the_tests_is_a_part() -> None:
    import tests.support.proxies

    assert tests.support.proxies.TrafficServer.tool in all_services()
    assert all_services() - {"env"} <= {part.command for part in PARTS.values()}


@pytest.mark.parametrize(("version", "major"), [("18.20.4-1", 18), ("2:20.19-1", 20), ("odd", 0)])
def test_a_part_that_the_distribution_has_only_in_an_older_version_counts_as_lacking(
    version: str, major: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = f" nodejs | {version} | a mirror\n dpkg | 1.21.22 | a mirror\n"
    done = subprocess.CompletedProcess([], 0, rows, "")
    monkeypatch.setattr(subprocess, "run", lambda *_arguments, **_options: done)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    system_parts.forget()
    try:
        assert system_parts.is_in_distribution(PARTS["node 20"]) == (major >= 20)
    finally:
        system_parts.forget()
