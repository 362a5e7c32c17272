"""Real trees for tests of the build, and their builds; each is made once in a process."""

from __future__ import annotations

import functools
import struct
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

from hashserve import Manifest
from hashserve.builder import BuildReport, BuildSettings, build
from hashserve.settings.build import DEFAULT_IGNORE
from tests.integration.test_importers_real import CACHE, install, node_modules, run
from tests.support import npm_trees
from tests.support.parts import missing, require_tool

__all__ = ["TREES", "Built", "build_real", "parser_modules", "real_tree", "settings", "source_of"]

VARIANTS = CACHE.parent / "variants"

IGNORED: Mapping[str, Sequence[str]] = {
    "fontawesome": ("less", "scss", "metadata"),
    "three": ("src",),
    "monaco": ("dev", "esm", "min-maps"),
}
"""Files that nobody would publish, by tree."""

ALREADY_HASHED: Mapping[str, Sequence[str]] = {"webpack": ("js/*", "css/*", "*.png")}
"""Files that keep their names by a setting: webpack's ``manifest.json`` is not recognised by its name."""

PARSERS = ("acorn@8.15.0", "acorn-walk@8.3.4", "css-tree@3.1.0")


@dataclass(frozen=True, kw_only=True)
class Built:
    """A real tree and its build."""

    source: Path
    out: Path
    report: BuildReport
    manifest: Manifest


def settings(name: str, **others: Any) -> BuildSettings:
    """Return the settings of a build: gzip only, compressed once for all runs."""
    ignored = (*DEFAULT_IGNORE, *IGNORED.get(name, ()))
    kept = ALREADY_HASHED.get(name, ())
    cache = str(VARIANTS)
    return BuildSettings(codings=("gzip",), cache=cache, ignore=ignored, already_hashed=kept, **others)


def real_tree(name: str) -> Path:
    """Return the folder of a package; skip or fail the test if it is not available."""
    if not npm_trees.PACKAGES[name].folder.is_dir():
        require_tool("npm")
    try:
        return npm_trees.tree(name)
    except npm_trees.TreeUnavailableError as error:
        missing(str(error))


def _django_admin() -> Path:
    spec = find_spec("django.contrib.admin")
    if spec is None or spec.origin is None:
        missing("Django is not installed")
    return Path(spec.origin).parent / "static"


SOURCES = {
    "package.json": '{"private": true}',
    "src/main.js": """
        import "./style.css";
        import logo from "./logo.png";
        const page = document.body;
        page.append(Object.assign(new Image(), {src: logo, id: "logo"}));
        import("./lazy.js").then(({text}) => { page.dataset.lazy = text(); });
        const worker = new Worker(new URL("./worker.js", import.meta.url), {type: "module"});
        worker.onmessage = ({data}) => { page.dataset.worker = data; };
        worker.postMessage(21);
    """,
    "src/lazy.js": 'import "./lazy.css"; import {text} from "./shared.js"; export {text};',
    "src/shared.js": 'export const text = () => "a shared chunk";',
    "src/worker.js": "onmessage = ({data}) => { postMessage(2 * data); };",
    "src/style.css": "body { background: url(./logo.png) }",
    "src/lazy.css": "body { color: rgb(1, 2, 3) }",
}
"""An application that bundlers split into chunks."""

VITE = """
export default {
  logLevel: "error", base: "/static/",
  build: {manifest: true, outDir: process.env.OUT, emptyOutDir: true, rollupOptions: {input: "src/main.js"}},
};
"""

WEBPACK = """
const {WebpackManifestPlugin} = require(process.env.MODULES + "/webpack-manifest-plugin");
const CssPlugin = require(process.env.MODULES + "/mini-css-extract-plugin");
module.exports = {
  mode: "production", entry: {main: "./src/main.js"}, devtool: "source-map", stats: "errors-only",
  output: {
    path: process.env.OUT, publicPath: "/static/", filename: "js/[name].[contenthash].js",
    assetModuleFilename: "[hash][ext]",
  },
  resolveLoader: {modules: [process.env.MODULES]},
  module: {rules: [
    {test: /\\.css$/, use: [CssPlugin.loader, "css-loader"]},
    {test: /\\.png$/, type: "asset/resource"},
  ]},
  plugins: [new CssPlugin({filename: "css/[name].[contenthash:8].css"}), new WebpackManifestPlugin()],
};
"""


def noise(width: int) -> bytes:
    """Make a PNG of random pixels: too large to be inlined."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    random = Random(width)
    lines = b"".join(b"\0" + random.randbytes(3 * width) for _ in range(width))
    header = struct.pack(">2I5B", width, width, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*part) for part in ((b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    )


def _bundled(config: str, text: str, modules: str, script: str, *arguments: str) -> Path:
    """Bundle the application."""
    folder, node = _scratch() / "application", require_tool("node")
    (folder / "src").mkdir(parents=True)
    for name, source in {**SOURCES, config: text}.items():
        (folder / name).write_text(source)
    (folder / "src/logo.png").write_bytes(noise(64))
    out, installed = folder / "bundled", node_modules(modules)
    environment = {"OUT": str(out), "MODULES": str(installed)}
    run(node, str(installed / script), *arguments, cwd=folder, environment=environment, timeout=600)
    return out


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def _scratch() -> Path:
    """Make a folder that exists as long as this process."""
    _KEPT.append(tempfile.TemporaryDirectory(prefix="real-trees-", ignore_cleanup_errors=True))
    return Path(_KEPT[-1].name)


TREES: Mapping[str, Callable[[], Path]] = {
    "bootstrap": lambda: real_tree("bootstrap") / "dist",
    "fontawesome": lambda: real_tree("fontawesome-free"),
    "jquery": lambda: real_tree("jquery") / "dist",
    "three": lambda: real_tree("three"),
    "monaco": lambda: real_tree("monaco-editor"),
    "django admin": _django_admin,
    "vite": lambda: _bundled("vite.config.mjs", VITE, "vite-8", "vite/bin/vite.js", "build"),
    "webpack": lambda: _bundled("webpack.config.js", WEBPACK, "webpack", "webpack-cli/bin/cli.js"),
    "htmx": lambda: real_tree("htmx.org") / "dist",
    "alpine": lambda: real_tree("alpinejs") / "dist",
}
"""The source folder of each tree."""


@functools.cache
def source_of(name: str) -> Path:
    """Return the source folder of a tree, made if it is missing."""
    return TREES[name]()


@functools.cache
def build_real(name: str) -> Built:
    """Build a tree once. All tests share the build, so none may change it."""
    source, out = source_of(name), _scratch() / "out"
    report = build(source, out, settings(name))
    return Built(source=source, out=out, report=report, manifest=Manifest.load(out / "staticfiles.json"))


@functools.cache
def parser_modules() -> Path:
    """Install acorn and css-tree once, and return their folder."""
    target = CACHE / "-".join(pin.replace("@", "-") for pin in PARSERS)
    if not target.is_dir():
        install(target, PARSERS, require_tool("npm"))
    return target / "node_modules"
