"""The parts of the system that tests use: which are missing here, and why, and Debian's packages of them.

``python -m tests.system_packages`` changes nothing. With ``--install``, it installs Debian's packages, and is
the only command of the project that changes something outside the checkout.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from tests.support.system_parts import PARTS, Part, absence, forget, is_in_distribution

__all__ = ["install", "main", "missing_parts"]

POLICY = "/usr/sbin/policy-rc.d"
"""While this script exists and refuses, Debian's packages start no service. Tests start their own."""

SERVICES = frozenset(
    {
        "apache2",
        "redis-server",
        "memcached",
        "nginx",
        "varnish",
        "varnishncsa",
        "caddy",
        "squid",
        "haproxy",
        "trafficserver",
    }
)
"""The services that packages enable; disabled, so that they do not start with the machine."""


def missing_parts() -> Mapping[str, str]:
    """Return why each missing part cannot be used, by its name."""
    return {name: reason for name, part in PARTS.items() if (reason := absence(part)) is not None}


def install(parts: Iterable[Part]) -> Mapping[str, str]:
    """Install the packages of parts, and return those that could not be installed, each with apt's error.

    All packages are installed at once. If that fails, each is installed by itself, so that one that does not
    fit here keeps out no other.
    """
    packages = list(dict.fromkeys(package for part in parts for package in part.packages))
    if not packages:
        return {}
    print(f"Installing: {' '.join(packages)} ...", flush=True)
    with _services_do_not_start():
        try:
            if _apt("install", *packages) is None:
                return {}
            errors = {package: _apt("install", package) for package in packages}
        finally:
            _disable_services(packages)
    return {package: error for package, error in errors.items() if error is not None}


def main(arguments: Sequence[str] | None = None) -> int:
    """Report the missing parts. With ``--install``, the status is 1 if one is missing that could be had."""
    parser = argparse.ArgumentParser(prog="python -m tests.system_packages", description=__doc__)
    parser.add_argument("--install", action="store_true", help="install Debian's packages")
    installs = parser.parse_args(arguments).install
    missing = missing_parts()
    errors: Mapping[str, str] = {}
    if installs and missing:
        errors = _install_missing(missing)
        missing = missing_parts()
    for name, reason in missing.items():
        print(_line(PARTS[name], reason, errors))
    if not missing:
        print(f"All {len(PARTS)} parts of the system that tests and benchmarks use are here.")
    elif not installs:
        print("`make system-packages` installs what this distribution has of them.")
    return int(installs and any(is_in_distribution(PARTS[name]) for name in missing))


def _install_missing(missing: Mapping[str, str]) -> Mapping[str, str]:
    if shutil.which("apt-get") is None:
        print("There is no apt-get here; install these parts in the way of your system:")
        return {}
    if subprocess.run(_as_root("true"), capture_output=True, check=False).returncode:
        print("Packages are installed by root; run: sudo make system-packages")
        return {}
    if error := _apt("update"):
        print(f"apt-get update fails: {error}")
    forget()
    errors = install(PARTS[name] for name in missing if is_in_distribution(PARTS[name]))
    forget()
    return errors


def _line(part: Part, reason: str, errors: Mapping[str, str]) -> str:
    failed = [
        f"{package} cannot be installed: {errors[package]}" for package in part.packages if package in errors
    ]
    if failed:
        reason = "; ".join(failed)
    elif not is_in_distribution(part):
        least = f" {part.oldest} or newer" if part.oldest else ""
        lacking = f"this distribution has no package {' '.join(part.packages)}{least}"
        reason = lacking if part.packages else reason
    return f"{part.name} ({part.purpose}): {reason}"


def _apt(*arguments: str) -> str | None:
    """Run apt-get as root, and return its last error; None without."""
    options = ["-y", "-qq", "--no-install-recommends", "-o", "Acquire::Retries=3"]
    command = _as_root("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *options, *arguments)
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode == 0:
        return None
    lines = (done.stderr or done.stdout).strip().splitlines()
    errors = [line for line in lines if line.startswith(("E:", "sudo:"))]
    return (errors or lines or [f"status {done.returncode}"])[0]


def _as_root(*command: str) -> list[str]:
    if os.geteuid() == 0:
        return list(command)
    return ["sudo", "-n", *command] if shutil.which("sudo") else ["false"]


@contextmanager
def _services_do_not_start() -> Iterator[None]:
    if os.path.lexists(POLICY):
        yield
        return
    with tempfile.NamedTemporaryFile("w", suffix=".policy") as script:
        script.write("#!/bin/sh\nexit 101\n")
        script.flush()
        subprocess.run(_as_root("install", "-m", "755", script.name, POLICY), check=True)
    try:
        yield
    finally:
        subprocess.run(_as_root("rm", "-f", POLICY), check=True)


def _disable_services(packages: Iterable[str]) -> None:
    """Disable the services of the packages, where a machine starts services."""
    installed = {name.removesuffix("-bin") for name in packages}
    services = sorted(name for name in SERVICES if name.removesuffix("ncsa") in installed)
    if services and os.path.isdir("/run/systemd/system"):
        for name in services:
            subprocess.run(_as_root("systemctl", "disable", name), capture_output=True, check=False)


if __name__ == "__main__":
    sys.exit(main())
