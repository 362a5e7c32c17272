"""An application that Vite bundles, in three releases: the first, a patch, and a bumped dependency.

The patch changes one string of a component and one rule of the style sheet. The next release bumps React
and its DOM package. The bundle has React, Bootstrap's scripts and Popper; the style sheet has Bootstrap's.

Invariant: a release has the same sources and the same pinned packages on every machine.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.corpus import bundle
from tests.support.npm_trees import CACHE, TreeUnavailableError

__all__ = ["BUMP", "FIRST", "PATCH", "RELEASES", "Bundle", "bundle_of", "make_release", "make_stand_in"]

FIRST, PATCH, BUMP = "first release", "patch release", "release that bumps a dependency"
RELEASES = (FIRST, PATCH, BUMP)

_SHARED = ("vite@5.4.21", "bootstrap@5.3.3", "@popperjs/core@2.11.8", "scheduler@0.23.2")
_OLD, _NEW = ("react@18.2.0", "react-dom@18.2.0"), ("react@18.3.1", "react-dom@18.3.1")

_CONFIG = """\
export default {
  logLevel: "error", base: "/static/", esbuild: {jsx: "automatic"},
  build: {manifest: true, outDir: process.env.OUT, emptyOutDir: true, rollupOptions: {input: "src/main.jsx"}},
};
"""

_MAIN = """\
import "bootstrap/dist/css/bootstrap.css";
import "./app.css";
import {Modal} from "bootstrap";
import {StrictMode} from "react";
import {createRoot} from "react-dom/client";
import {App} from "./app.jsx";

document.body.append(Object.assign(document.createElement("div"), {id: "root"}));
createRoot(document.getElementById("root")).render(<StrictMode><App modal={Modal}/></StrictMode>);
"""

_APP = """\
import {useEffect, useMemo, useState} from "react";

const orders = Array.from({length: 40}, (_, row) => ({id: row, name: `Order ${row}`, total: row * 7 % 31}));

function Row({order, onOpen}) {
  return <tr><td>{order.id}</td><td>{order.name}</td><td className="text-end">{order.total.toFixed(2)}</td>
    <td><button className="btn btn-sm" onClick={() => onOpen(order)}>Open</button></td></tr>;
}

export function App({modal}) {
  const [query, setQuery] = useState("");
  const [open, setOpen] = useState(null);
  const shown = useMemo(() => orders.filter((order) => order.name.includes(query)), [query]);
  useEffect(() => { document.documentElement.dataset.visited = typeof modal + " " + "TITLE"; });
  return <main className="container py-4">
    <h1 className="title">TITLE</h1>
    <input className="form-control" value={query} onChange={(event) => setQuery(event.target.value)}/>
    <table className="table"><tbody>
      {shown.map((order) => <Row key={order.id} order={order} onOpen={setOpen}/>)}
    </tbody></table>
    {open && <p className="alert alert-info">{open.name}: {open.total}</p>}
  </main>;
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """The paths of the script and the style sheet below the folder that Vite writes."""

    script: str
    style: str


def bundle_of(folder: Path) -> Bundle:
    """Read the paths of a release from Vite's manifest."""
    entry = json.loads((folder / ".vite/manifest.json").read_text(encoding="utf-8"))["src/main.jsx"]
    return Bundle(script=entry["file"], style=entry["css"][0])


def title_of(release: str) -> str:
    """Return the string that the patch changes."""
    return "Orders" if release == FIRST else "Orders of this week"


def make_release(folder: Path, release: str) -> None:
    """Bundle a release into ``folder``, which is emptied. Raises `TreeUnavailableError`."""
    packages = _installed((*_SHARED, *(_NEW if release == BUMP else _OLD)))
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        project = Path(scratch)
        (project / "src").mkdir()
        width = 2 if release == FIRST else 3
        for name, text in (
            ("package.json", '{"private": true, "type": "module"}'),
            ("vite.config.js", _CONFIG),
            ("src/main.jsx", _MAIN),
            ("src/app.jsx", _APP.replace("TITLE", title_of(release))),
            ("src/app.css", f".title {{ border-bottom: {width}px solid }}\n"),
        ):
            (project / name).write_text(text, encoding="utf-8")
        (project / "node_modules").symlink_to(packages)
        _run([_tool("node"), str(packages / "vite/bin/vite.js"), "build"], project, OUT=str(folder.resolve()))


def make_stand_in(folder: Path, release: str) -> None:
    """Write files like those of `make_release` without npm, for smoke tests."""
    shutil.rmtree(folder, ignore_errors=True)
    title = title_of(release).encode()
    joined = bundle().replace(b"function", b"function ") if release == BUMP else bundle()
    script = b'/*%s*/\ndocument.documentElement.dataset.visited = "function %s";\n' % (
        joined.replace(b"*/", b"* /"),
        title,
    )
    style = b".title { border-bottom: %dpx solid }\n" % len(title) * 100
    paths = {
        name: f"assets/main-{hashlib.md5(content, usedforsecurity=False).hexdigest()[:8]}.{name}"
        for name, content in (("js", script), ("css", style))
    }
    for name, content in (("js", script), ("css", style)):
        _write(folder / paths[name], content)
    entry = {"file": paths["js"], "css": [paths["css"]], "isEntry": True, "src": "src/main.jsx"}
    _write(folder / ".vite/manifest.json", json.dumps({"src/main.jsx": entry}).encode())


def _write(location: Path, content: bytes) -> None:
    location.parent.mkdir(parents=True, exist_ok=True)
    location.write_bytes(content)


def _installed(packages: tuple[str, ...]) -> Path:
    """Install packages once, and return their folder. Raises `TreeUnavailableError`."""
    target = CACHE.parent / "npm" / f"app-{hashlib.sha256(' '.join(packages).encode()).hexdigest()[:12]}"
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".install-") as scratch:
            folder = Path(scratch) / "complete"
            folder.mkdir()
            (folder / "package.json").write_text('{"private": true}', encoding="utf-8")
            options = ["--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"]
            _run([_tool("npm"), "install", *options, *packages], folder)
            folder.rename(target)
    return target / "node_modules"


def _tool(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise TreeUnavailableError(f"{name} is not installed")
    return found


def _run(command: list[str], folder: Path, **environment: str) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise TreeUnavailableError(f"{' '.join(command)} failed: {done.stderr[-2000:]}")
