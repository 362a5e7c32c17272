"""The parts of the system that tests use: the one table of how each is found and what installs it.

Invariant: this module needs nothing but Python, because `tests.system_packages` runs before anything is
installed.
"""

from __future__ import annotations

import functools
import glob
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["PARTS", "Part", "absence", "find_executable", "forget", "is_in_distribution"]

_SECONDS = 60
"""The timeout of a command that shows whether a part runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part: a command that must run, or a file that must exist.

    ``check`` has the arguments with which the command ends without an error. ``files`` are patterns, of which
    one must match. ``packages`` are Debian's. ``oldest`` is the lowest major version of them that will do.
    """

    name: str
    purpose: str
    packages: tuple[str, ...]
    command: str = ""
    check: tuple[str, ...] = ("--version",)
    files: tuple[str, ...] = ()
    oldest: int = 0


PARTS: Mapping[str, Part] = {
    part.name: part
    for part in (
        Part(
            name="chromium",
            purpose="pages in a real browser",
            packages=("chromium",),
            command="chromium",
        ),
        Part(name="node", purpose="bundlers and their parsers", packages=("nodejs",), command="node"),
        Part(
            name="node 20",
            purpose="Vite 8, Rspack, and a plugin of webpack",
            packages=("nodejs",),
            command="node",
            check=("-e", "if (parseInt(process.versions.node) < 20) throw `node is ${process.version}`"),
            oldest=20,
        ),
        Part(name="npm", purpose="real trees and bundlers", packages=("npm",), command="npm"),
        Part(name="redis", purpose="Django's caches", packages=("redis-server",), command="redis-server"),
        Part(
            name="memcached",
            purpose="Django's caches",
            packages=("memcached",),
            command="memcached",
        ),
        Part(
            name="nginx",
            purpose="caches, balancers, and the comparison with nginx",
            packages=("nginx",),
            command="nginx",
            check=("-v",),
        ),
        Part(
            name="nginx brotli",
            purpose="the comparison with nginx",
            packages=("libnginx-mod-http-brotli-static",),
            files=tuple(
                f"/usr/{folder}/nginx/modules/ngx_http_brotli_static_module.so"
                for folder in ("lib", "lib64", "share")
            ),
        ),
        Part(name="varnish", purpose="caches", packages=("varnish",), command="varnishd", check=("-V",)),
        Part(name="squid", purpose="caches", packages=("squid",), command="squid"),
        Part(
            name="haproxy",
            purpose="caches and balancers",
            packages=("haproxy",),
            command="haproxy",
            check=("-v",),
        ),
        Part(
            name="trafficserver",
            purpose="caches",
            packages=("trafficserver",),
            command="traffic_server",
        ),
        Part(
            name="mod_wsgi",
            purpose="Apache as a server of WSGI",
            packages=("apache2-bin", "libapache2-mod-wsgi-py3"),
            command="apache2",
            check=("-v",),
            files=("/usr/lib/apache2/modules/mod_wsgi.so-*",),
        ),
        Part(
            name="sprockets",
            purpose="the importer of Sprockets's manifest",
            packages=("ruby", "ruby-sprockets"),
            command="ruby",
            check=("-W0", "-e", 'require "sprockets"'),
        ),
        Part(
            name="word lists",
            purpose="thousands of hostile paths",
            packages=("wfuzz",),
            files=("/usr/share/wfuzz/wordlist",),
        ),
        Part(name="curl", purpose="the commands of a page", packages=("curl",), command="curl"),
        Part(
            name="openssl",
            purpose="the commands of a page",
            packages=("openssl",),
            command="openssl",
            check=("version",),
        ),
        Part(name="zstd", purpose="the commands of a page", packages=("zstd",), command="zstd"),
        Part(
            name="C compiler",
            purpose="a library that makes disks fail, and bjoern",
            packages=("gcc", "libc6-dev"),
            command="gcc",
            files=("/usr/include/stdlib.h",),
        ),
        Part(
            name="libev's headers",
            purpose="bjoern, which is compiled",
            packages=("libev-dev",),
            files=("/usr/include/ev.h",),
        ),
        Part(
            name="Python's headers",
            purpose="bjoern, which is compiled",
            packages=("python3-dev",) if sys.base_prefix == "/usr" else (),  # for Debian's Python alone
            files=(os.path.join(sysconfig.get_path("include"), "Python.h"),),
        ),
        Part(name="wrk", purpose="benchmarks of servers", packages=("wrk",), command="wrk", check=()),
        Part(
            name="caddy",
            purpose="benchmarks of servers",
            packages=("caddy",),
            command="caddy",
            check=("version",),
        ),
        Part(name="strace", purpose="benchmarks of the start", packages=("strace",), command="strace"),
        Part(
            name="perf",
            purpose="benchmarks that say where the time goes",
            packages=("linux-perf",),
            command="perf",
        ),
    )
}
"""The parts by their names."""


def find_executable(command: str) -> str | None:
    """Find an executable in PATH, or in /usr/sbin, where Debian installs servers."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
    return shutil.which(command, path=path)


@functools.cache
def absence(part: Part) -> str | None:
    """Return why a part cannot be used here; None if it can."""
    if part.files and not any(glob.glob(pattern) for pattern in part.files):
        return f"{part.files[0]} does not exist"
    if not part.command:
        return None
    found = find_executable(part.command)
    if found is None:
        return f"{part.command} is not installed"
    return _fault([found, *part.check]) if part.check else None


def _fault(command: list[str]) -> str | None:
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{command[0]} is installed and does not run: {error}"
    if done.returncode == 0:
        return None
    lines = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
    said = lines[-1] if lines else "it says nothing"
    return f"{' '.join(command)!r} ends with status {done.returncode}: {said}"


def is_in_distribution(part: Part) -> bool:
    """Whether this Debian has the packages of a part.

    Where there is no apt, or apt has no lists, nothing says that it has not.
    """
    if not part.packages:
        return False
    return not _known("dpkg") or _known(*part.packages, oldest=part.oldest) == set(part.packages)


@functools.cache
def _known(*packages: str, oldest: int = 0) -> frozenset[str]:
    """Return those of the packages that apt's lists have, with a major version of at least ``oldest``."""
    if shutil.which("apt-cache") is None:
        return frozenset()
    command = ["apt-cache", "madison", *packages]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    rows = [[column.strip() for column in line.split("|")] for line in done.stdout.splitlines()]
    return frozenset(name for name, version, *_ in rows if oldest <= _major(version))


def _major(version: str) -> int:
    """Return the first number of a Debian version, after its epoch."""
    found = re.match("(?:[0-9]+:)?([0-9]+)", version)
    return int(found[1]) if found else 0


def forget() -> None:
    """Look anew, because packages or apt's lists have changed."""
    absence.cache_clear()
    _known.cache_clear()
