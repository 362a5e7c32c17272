"""Real trees from npm, for tests and benchmarks: pinned, checked, fetched once, never committed.

Invariant: a tree in the cache is complete and is the pinned one. It is unpacked in a temporary folder and
renamed.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.support.archives import unpack

__all__ = ["PACKAGES", "Package", "TreeUnavailableError", "tree"]

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "npm-trees"


class TreeUnavailableError(Exception):
    """A tree is not in the cache and cannot be fetched; holds the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One release of a package, and the SHA-512 of its tarball from the registry."""

    name: str
    version: str
    sha512: str

    @property
    def folder(self) -> Path:
        """The folder of its tree after the fetch."""
        return CACHE / f"{self.name.replace('/', '+')}-{self.version}"


PACKAGES = {
    package.name.rpartition("/")[2]: package
    for package in (
        Package(
            name="bootstrap",
            version="5.3.3",
            sha512="8HLCdWgyoMguSO9o+aH+iuZ+aht+mzW0u3HIMzVu7Srrpv7EBBxTnrFlSCskwdY1+EOFQSm7uMJhNQHkdPcmjg==",
        ),
        Package(
            name="@fortawesome/fontawesome-free",
            version="6.5.1",
            sha512="CNy5vSwN3fsUStPRLX7fUYojyuzoEMSXPl7zSLJ8TgtRfjv24LOnOWKT2zYwaHZCJGkdyRnTmstR0P+Ah503Gw==",
        ),
        Package(
            name="jquery",
            version="3.7.1",
            sha512="m4avr8yL8kmFN8psrbFFFmB/If14iN5o9nw/NgnnM+kybDJpRsAynV2BsfpTYrTRysYUdADVD7CkUUizgkpLfg==",
        ),
        Package(
            name="three",
            version="0.160.0",
            sha512="DLU8lc0zNIPkM7rH5/e1Ks1Z8tWCGRq6g8mPowdDJpw1CFBJMU7UoJjC6PefXW7z//SSl0b2+GCw14LB+uDhng==",
        ),
        Package(
            name="monaco-editor",
            version="0.45.0",
            sha512="mjv1G1ZzfEE3k9HZN0dQ2olMdwIfaeAAjFiwNprLfYNRSz7ctv9XuCT7gPtBGrMUeV1/iZzYKj17Khu1hxoHOA==",
        ),
        Package(
            name="htmx.org",
            version="1.9.12",
            sha512="VZAohXyF7xPGS52IM8d1T1283y+X4D+Owf3qY1NZ9RuBypyu9l8cGsxUMAG5fEAb/DhT7rDoJ9Hpu5/HxFD3cw==",
        ),
        Package(
            name="alpinejs",
            version="3.13.10",
            sha512="86RB307VWICex0vG15Eq0x058cNNsvS57ohrjN6n/TJAVSFV+zXOK/E34nNHDHc6Poq+yTNCLqEzPqEkRBTMRQ==",
        ),
        Package(
            name="leaflet",
            version="1.9.4",
            sha512="nxS1ynzJOmOlHp+iL3FyWqK89GtNL8U8rvlMOsQdTTssxZwCXh8N2NB3GDQOL+YR3XnWyZAxwQixURb+FA74PA==",
        ),
        Package(
            name="@shoelace-style/shoelace",
            version="2.20.1",
            sha512="FSghU95jZPGbwr/mybVvk66qRZYpx5FkXL+vLNpy1Vp8UsdwSxXjIHE3fsvMbKWTKi9UFfewHTkc5e7jAqRYoQ==",
        ),
        Package(
            name="tinymce",
            version="7.9.1",
            sha512="zaOHwmiP1EqTeLRXAvVriDb00JYnfEjWGPdKEuac7MiZJ5aiDMZ4Unc98Gmajn+PBljOmO1GKV6G0KwWn3+k8A==",
        ),
        Package(
            name="mathjax",
            version="3.2.2",
            sha512="Bt+SSVU8eBG27zChVewOicYs7Xsdt40qm4+UpHyX7k0/O9NliPc+x77k1/FEsPsjKPZGJvtRZM1vO+geW0OhGw==",
        ),
        Package(
            name="ace-builds",
            version="1.43.3",
            sha512="MCl9rALmXwIty/4Qboijo/yNysx1r6hBTzG+6n/TiOm5LFhZpEvEIcIITPFiEOEFDfgBOEmxu+a4f54LEFM6Sg==",
        ),
        Package(
            name="onnxruntime-web",
            version="1.22.0",
            sha512="Ud/+EBo6mhuaQWt/OjaOk0iNWjXqJoeeMFr6xQEERZdIZH2OWpGzuujz7lfuOBjUa6TEE/sc4nb7Da5dNL34fg==",
        ),
        Package(
            name="maplibre-gl",
            version="6.17.0",
            sha512="2chIZwpLGenoUQOcnm9Pk4SLbA8ppNFq8jlpXiq9vcYm3Y1wJ3fc82FL0GLwBaPYJCLzPv/mC46KEupVov75rQ==",
        ),
        Package(
            name="pdfjs-dist",
            version="5.6.205",
            sha512="tlUj+2IDa7G1SbvBNN74UHRLJybZDWYom+k6p5KIZl7huBvsA4APi6mKL+zCxd3tLjN5hOOEE9Tv7VdzO88pfg==",
        ),
    )
}
"""The trees, by their short names; those of `VERSIONS` also as ``name@version``."""

VERSIONS = (
    Package(
        name="react-dom",
        version="18.2.0",
        sha512="6IMTriUmvsjHUjNtEDudZfuDQUoWXVxKHhlEGSk81n4YFS+r/Kl99wXiwlVXtPBtJenozv2P+hxDsw9eA7Xo6g==",
    ),
    Package(
        name="react-dom",
        version="18.3.1",
        sha512="5m4nQKp+rZRb09LNH59GM4BxTh9251/ylbKIbpe7TpGxfJ+9kv6BLkLBXIjjspbgbnIBNqlI23tRnTWT0snUIw==",
    ),
    Package(
        name="bootstrap",
        version="5.3.2",
        sha512="D32nmNWiQHo94BKHLmOrdjlL05q1c8oxbtBphQFb9Z5to6eGRDCm0QgeaZ4zFBHzfg2++rqa2JkqCcxDy0sH0g==",
    ),
    PACKAGES["bootstrap"],
    Package(
        name="jquery",
        version="3.6.4",
        sha512="v28EW9DWDFpzcD9O5iyJXg3R3+q+mET5JhnjJzQUZMHOv67bpSIHq81GEYpPNZHG+XXHsfSme3nxp/hndKEcsQ==",
    ),
    PACKAGES["jquery"],
    Package(
        name="three",
        version="0.169.0",
        sha512="Ed906MA3dR4TS5riErd4QBsRGPcx+HBDX2O5yYE5GqJeFQTPU+M56Va/f/Oph9X7uZo3W3o4l2ZhBZ6f6qUv0w==",
    ),
    Package(
        name="three",
        version="0.170.0",
        sha512="FQK+LEpYc0fBD+J8g6oSEyyNzjp+Q7Ks1C568WWaoMRLW+TkNNWmenWeGgJjV105Gd+p/2ql1ZcjYvNiPZBhuQ==",
    ),
    PACKAGES["htmx.org"],
    Package(
        name="htmx.org",
        version="2.0.3",
        sha512="AeoJUAjkCVVajbfKX+3sVQBTCt8Ct4lif1T+z/tptTXo8+8yyq3QIMQQe/IT+R8ssfrO1I0DeX4CAronzCL6oA==",
    ),
    Package(
        name="htmx.org",
        version="2.0.4",
        sha512="HLxMCdfXDOJirs3vBZl/ZLoY+c7PfM4Ahr2Ad4YXh6d22T5ltbTXFFkpx9Tgb2vvmWFMbIc3LqN2ToNkZJvyYQ==",
    ),
    Package(
        name="alpinejs",
        version="3.14.8",
        sha512="wT2fuP2DXpGk/jKaglwy7S/IJpm1FD+b7U6zUrhwErjoq5h27S4dxkJEXVvhbdwyPv9U+3OkUuNLkZT4h2Kfrg==",
    ),
    Package(
        name="alpinejs",
        version="3.14.9",
        sha512="gqSOhTEyryU9FhviNqiHBHzgjkvtukq9tevew29fTj+ofZtfsYriw4zPirHHOAy9bw8QoL3WGhyk7QqCh5AYlw==",
    ),
    Package(
        name="vue",
        version="3.5.12",
        sha512="CLVZtXtn2ItBIi/zHZ0Sg1Xkb7+PU32bJJ8Bmy7ts3jxXTcbfsEfBivFYYWz1Hur+lalqGAh65Coin0r+HRUfg==",
    ),
    Package(
        name="vue",
        version="3.5.13",
        sha512="wmeiSMxkZCSc+PM2w2VRsOYAZC8GdipNFRTsLSfodVqI9mbejKeXEGr8SckuLnrQPGe3oJN5c3K0vpoU9q/wCQ==",
    ),
    Package(
        name="d3",
        version="7.8.5",
        sha512="JgoahDG51ncUfJu6wX/1vWQEqOflgXyl4MaHqlcSruTez7yhaRKR9i8VjjcQGeS2en/jnFivXuaIMnseMMt0XA==",
    ),
    Package(
        name="d3",
        version="7.9.0",
        sha512="e1U46jVP+w7Iut8Jt8ri1YsPOvFpg46k+K8TpCb0P+zjCkjkPnV7WzfDJzMHy1LnA+wj5pLT1wjO901gLXeEhA==",
    ),
)
"""Pairs of versions of one package, for deltas between releases."""

PACKAGES.update({f"{package.name}@{package.version}": package for package in VERSIONS})


def tree(name: str) -> Path:
    """Return the folder of a package, fetched if it is missing. Raises `TreeUnavailableError`.

    ``name`` is a short name, or for one of several versions ``name@version``.
    """
    package = PACKAGES[name]
    if not package.folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE, prefix=".fetching-") as scratch:
            _publish(_unpacked(_packed(package, Path(scratch))), package.folder)
    return package.folder


def _packed(package: Package, scratch: Path) -> Path:
    """Fetch the tarball with npm, and check it."""
    npm = shutil.which("npm")
    if npm is None:
        raise TreeUnavailableError("npm is not installed")
    command = [
        npm,
        "pack",
        f"{package.name}@{package.version}",
        "--pack-destination",
        str(scratch),
        "--silent",
    ]
    run = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=240, check=False)
    tarballs = list(scratch.glob("*.tgz"))
    if run.returncode or len(tarballs) != 1:
        raise TreeUnavailableError(f"npm could not fetch {package.name}: {run.stderr.strip()}")
    if base64.b64encode(hashlib.sha512(tarballs[0].read_bytes()).digest()).decode() != package.sha512:
        raise TreeUnavailableError(f"{package.name}@{package.version} is not the tarball that was pinned")
    return tarballs[0]


def _unpacked(tarball: Path) -> Path:
    unpack(tarball, tarball.parent / "tree")
    (folder,) = (tarball.parent / "tree").iterdir()
    return folder


def _publish(folder: Path, destination: Path) -> None:
    try:
        os.rename(folder, destination)
    except OSError:
        if not destination.is_dir():  # otherwise another process was faster, with the same bytes
            raise
