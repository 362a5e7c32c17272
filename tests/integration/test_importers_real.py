"""The importers, with manifests that real build tools write for a small app."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import re
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

import hashserve
from hashserve.check import check
from hashserve.manifest.discovery import find_manifest
from hashserve.manifest.importers import load_manifest
from hashserve.manifest.model import Manifest
from tests.support.parts import missing, require_part, require_tool

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

CACHE = Path(__file__).parents[2] / ".cache" / "npm"

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "vite-5": ("vite@5.4.21",),
    "vite-8": ("vite@8.3.8",),
    "vite-react": ("vite@5.4.21", "react@18.3.1", "react-dom@18.3.1"),
    "webpack": (
        "webpack@5.112.2",
        "webpack-cli@6.0.1",
        "webpack-manifest-plugin@6.0.1",
        "webpack-assets-manifest@6.5.2",
        "mini-css-extract-plugin@2.10.2",
        "css-loader@7.1.5",
    ),
    "esbuild": ("esbuild@0.28.2",),
    "rspack": ("@rspack/core@2.3.3", "@rspack/cli@2.2.8"),
    # Newer releases of webpack have no SizeFormatHelpers, which Mix needs.
    "laravel-mix": ("laravel-mix@6.0.49", "webpack@5.97.1"),
}

NEED_NODE_20 = frozenset({"vite-8", "webpack", "rspack"})

SOURCES = {
    "package.json": '{"private": true}',
    "src/main.js": 'import "./style.css"; import logo from "./logo.png"; document.title = logo;'
    'import("./lazy.js").then(m => m.go()); import("./other.js").then(m => m.go());',
    "src/lazy.js": 'import {text} from "./shared.js"; import "./lazy.css"; export const go = () => text;',
    "src/other.js": 'import {text} from "./shared.js"; export const go = () => console.log(text);',
    "index.html": '<!doctype html><title>t</title><script type="module" src="/src/page.js"></script>',
    "src/page.js": 'import "./main.js";'
    'new Worker(new URL("./worker.js", import.meta.url), {type: "module"});',
    "src/worker.js": 'import("./other.js").then(m => postMessage(m.go()));',
    "src/shared.js": 'export const text = "shared".repeat(3);',
    "src/style.css": "body { background: url(./logo.png) }",
    "src/lazy.css": ".lazy { color: red }",
}

VITE_CONFIG = """
const plain = {entryFileNames: "assets/[name].js", chunkFileNames: "assets/[name].js",
               assetFileNames: "assets/[name][extname]"};
export default {
  logLevel: "error",
  build: {
    manifest: !process.env.PAGE, outDir: process.env.OUT, emptyOutDir: true, sourcemap: !!process.env.MAPS,
    rollupOptions: {
      input: process.env.PAGE ? "index.html" : "src/main.js", output: process.env.PLAIN ? plain : {},
    },
  },
  base: process.env.PAGE || "/", worker: {format: "es"},
};
"""

WEBPACK_CONFIG = """
const modules = process.env.MODULES;
const {WebpackManifestPlugin} = require(modules + "/webpack-manifest-plugin");
const {WebpackAssetsManifest} = require(modules + "/webpack-assets-manifest/dist/cjs/index.js");
const CssPlugin = require(modules + "/mini-css-extract-plugin");
const plain = process.env.PLAIN;
module.exports = {
  mode: "production", entry: {main: "./src/main.js"}, devtool: "source-map", stats: "errors-only",
  output: {
    path: process.env.OUT, publicPath: process.env.PUBLIC_PATH,
    filename: plain ? "js/[name].js" : "js/[name].[contenthash].js",
    assetModuleFilename: plain ? "[name][ext]" : "[hash][ext]",
  },
  resolveLoader: {modules: [modules]},
  module: {rules: [
    {test: /\\.css$/, use: [CssPlugin.loader, "css-loader"]},
    {test: /\\.png$/, type: "asset/resource"},
  ]},
  plugins: [
    new CssPlugin({filename: plain ? "css/[name].css" : "css/[name].[contenthash:8].css"}),
    ...(process.env.ALONE ? [] : [
      new WebpackManifestPlugin(),
      new WebpackAssetsManifest({
        output: "assets-manifest.json", integrity: true, entrypoints: true, publicPath: true,
      }),
    ]),
  ],
};
"""

RSPACK_CONFIG = """
export default {
  mode: "production", entry: {main: "./src/page.js"}, stats: "errors-only",
  output: {
    path: process.env.OUT, publicPath: "/static/", filename: "[name].[contenthash].js",
    cssFilename: "[name].[contenthash].css", assetModuleFilename: "[hash][ext]",
  },
  module: {rules: [{test: /\\.css$/, type: "css/auto"}, {test: /\\.png$/, type: "asset/resource"}]},
};
"""

MIX_CONFIG = """
const mix = require("laravel-mix");
mix.setPublicPath("public");
mix.js("src/main.js", "js").css("src/style.css", "css").version().disableNotifications();
"""

SPROCKETS_SCRIPT = """
require "sprockets"
environment = Sprockets::Environment.new(Dir.pwd)
environment.append_path("src")
Sprockets::Manifest.new(environment, ENV["OUT"]).compile("main.js", "style.css", "logo.png")
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """Write an app with a dynamic import, a shared chunk, and an image that is too large to inline."""
    folder = tmp_path / "app"
    (folder / "src").mkdir(parents=True)
    for name, text in SOURCES.items():
        (folder / name).write_text(text)
    (folder / "src/logo.png").write_bytes(b"\x89PNG\r\n\x1a\n" + random.Random(1).randbytes(9000))
    return folder


def node_modules(name: str) -> Path:
    """Install the packages of ``name`` once, and return their folder. A failed install leaves nothing."""
    if name in NEED_NODE_20:
        require_part("node 20")
    pins = hashlib.sha256(" ".join(PACKAGES[name]).encode()).hexdigest()[:8]
    target = CACHE / f"{name}-{pins}"
    if not target.is_dir():
        install(target, PACKAGES[name], require_tool("npm"))
    return target / "node_modules"


def install(target: Path, packages: tuple[str, ...], npm: str) -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix=".install-", ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary) / "complete"
        folder.mkdir()
        (folder / "package.json").write_text('{"private": true}')
        quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--prefer-offline"]
        try:
            run(npm, "install", *quiet, *packages, cwd=folder, timeout=600)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            missing(f"npm cannot install {' '.join(packages)}: {error}: {error.stderr!r}")
        try:
            folder.rename(target)
        except OSError:
            # Another run may have installed the same packages.
            assert target.is_dir(), f"{folder} cannot be renamed to {target}"


def run(*command: str, cwd: Path, timeout: float = 120, environment: Mapping[str, str] | None = None) -> None:
    subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        timeout=timeout,
        check=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def built(command: list[str], app: Path, **environment: str) -> Path:
    out = Path(tempfile.mkdtemp(dir=app.parent, prefix="out-"))
    build_into(out, command, app, **environment)
    return out


def build_into(out: Path, command: list[str], app: Path, **environment: str) -> None:
    try:
        run(*command, cwd=app, environment={"OUT": str(out), "NODE_ENV": "production", **environment})
    except subprocess.CalledProcessError as error:
        pytest.fail(f"{command} failed:\n{error.stdout}\n{error.stderr}")


def vite(name: str, app: Path, **environment: str) -> Path:
    (app / "vite.config.mjs").write_text(VITE_CONFIG)
    script = node_modules(name) / "vite/bin/vite.js"
    return built([require_tool("node"), str(script), "build"], app, **environment)


def webpack(app: Path, **environment: str) -> Path:
    (app / "webpack.config.js").write_text(WEBPACK_CONFIG)
    modules = node_modules("webpack")
    script = modules / "webpack-cli/bin/cli.js"
    return built([require_tool("node"), str(script)], app, MODULES=str(modules), **environment)


def emitted(out: Path) -> set[str]:
    """Return every file of a build except its manifests."""
    paths = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    return {path for path in paths if "manifest" not in path}


def assert_names_keep_their_content(first: tuple[Path, Manifest], second: tuple[Path, Manifest]) -> None:
    """Check that a file that is immutable in two builds has the same bytes in both."""
    (one, manifest), (two, other) = first, second
    assert manifest.files.keys() != other.files.keys()
    for path in manifest.files.keys() & other.files.keys():
        assert (one / path).read_bytes() == (two / path).read_bytes()


def change(app: Path) -> None:
    (app / "src/shared.js").write_text('export const text = "changed";')
    (app / "src/style.css").write_text("body { background: url(./logo.png); color: blue }")


@pytest.mark.parametrize("name", ["vite-5", "vite-8"])
def test_every_file_that_vite_emits_is_immutable(name: str, app: Path) -> None:
    out = vite(name, app)
    found = find_manifest(out)
    assert found == str(out / ".vite/manifest.json")
    manifest = load_manifest(found, root=out)
    assert set(manifest.files) == emitted(out)
    assert manifest.paths["src/main.js"].startswith("assets/main-")
    assert {"src/lazy.js", "src/logo.png", "assets/main.css", "assets/shared.js"} <= manifest.paths.keys()
    assert set(manifest.paths.values()) == set(manifest.files)


@pytest.mark.parametrize("name", ["vite-5", "vite-8"])
def test_a_vite_build_without_hashes_has_no_immutable_file(name: str, app: Path) -> None:
    out = vite(name, app, PLAIN="1")
    manifest = load_manifest(out / ".vite/manifest.json")
    assert manifest.files == {}
    assert manifest.paths["src/main.js"] == "assets/main.js"
    assert set(manifest.paths.values()) <= emitted(out)


@pytest.mark.parametrize("name", ["vite-5", "vite-8"])
def test_a_name_of_vite_always_has_the_same_content(name: str, app: Path) -> None:
    first = vite(name, app)
    change(app)
    second = vite(name, app)
    assert_names_keep_their_content(
        (first, load_manifest(first / ".vite/manifest.json")),
        (second, load_manifest(second / ".vite/manifest.json")),
    )


@pytest.mark.parametrize("name", ["vite-5", "vite-8"])
def test_vite_without_a_manifest_is_recognised_with_its_workers_and_passes_a_strict_check(
    name: str, app: Path
) -> None:
    out = vite(name, app, PAGE="/static/", MAPS="1")
    assert find_manifest(out) is None
    assert set(built_by_hashserve(out).files) >= {path for path in emitted(out) if "-" in path} - maps(out)


@pytest.mark.parametrize("name", ["vite-5", "vite-8"])
def test_a_vite_build_with_a_manifest_and_source_maps_passes_a_strict_check(name: str, app: Path) -> None:
    out = vite(name, app, MAPS="1")
    assert set(built_by_hashserve(out).files) == emitted(out) - maps(out)


@pytest.mark.parametrize("alone", ["", "1"])
def test_webpack_is_recognised_with_and_without_a_manifest_and_passes_a_strict_check(
    alone: str, app: Path
) -> None:
    out = webpack(app, PUBLIC_PATH="/static/", ALONE=alone)
    found = set(built_by_hashserve(out).files) & emitted(out)
    assert found == emitted(out) - (maps(out) if alone else set())


def test_rspack_is_recognised_without_a_manifest(app: Path) -> None:
    modules = node_modules("rspack")
    (app / "rspack.config.mjs").write_text(RSPACK_CONFIG)
    out = built([require_tool("node"), str(modules / "@rspack/cli/bin/rspack.js"), "build"], app)
    assert set(built_by_hashserve(out).files) == emitted(out) != set()


def test_what_esbuild_writes_without_a_manifest_is_reported_with_a_remedy_that_works(app: Path) -> None:
    program = node_modules("esbuild") / "esbuild/bin/esbuild"
    out = Path(tempfile.mkdtemp(dir=app.parent, prefix="out-"))
    options = ["--bundle", "--splitting", "--format=esm", "--entry-names=[name]-[hash]", "--loader:.png=file"]
    run(str(program), "src/main.js", f"--outdir={out}", *options, cwd=app)
    target = app.parent / "static"
    (said,) = hashserve.build(out, target).warnings
    assert said.kind == "bundler-name"
    (pattern,) = re.findall(r'--already-hashed: "([^"]+)"', said.message)
    assert hashserve.build(out, target, already_hashed=[pattern], strict=True).warnings == []
    assert set(Manifest.load(target / "staticfiles.json").files) >= emitted(out)


def test_what_bundlers_write_without_hashes_keeps_no_name(app: Path) -> None:
    for out in (vite("vite-8", app, PLAIN="1"), webpack(app, PLAIN="1", ALONE="1", PUBLIC_PATH="/static/")):
        assert not set(built_by_hashserve(out).files) & emitted(out)


def built_by_hashserve(out: Path) -> Manifest:
    """Build what a bundler wrote; there is nothing to report, in the build or in a strict check of it."""
    target = Path(tempfile.mkdtemp(dir=out.parent, prefix="static-"))
    assert hashserve.build(out, target).warnings == []
    report = check(target)
    assert not report.is_failure(strict=True), [str(finding) for finding in report.findings]
    return Manifest.load(target / "staticfiles.json")


def maps(out: Path) -> set[str]:
    return {path for path in emitted(out) if path.endswith(".map")}


@pytest.mark.parametrize("public_path", ["/static/", "/a/b/", "/", "auto", "", "https://cdn.example.com/x/"])
def test_every_file_that_webpack_emits_is_immutable_under_any_public_path(
    public_path: str, app: Path
) -> None:
    out = webpack(app, PUBLIC_PATH=public_path)
    for name in ("manifest.json", "assets-manifest.json"):
        manifest = load_manifest(out / name, root=out)
        assert set(manifest.files) == emitted(out)
        assert manifest.paths["main.js"].startswith("js/main.")
        assert {"main.css", "logo.png"} <= manifest.paths.keys()


def test_the_paths_of_a_webpack_build_below_the_root_contain_the_folder(app: Path) -> None:
    out = webpack(app, PUBLIC_PATH=f"/static/{app.parent.name}/")
    manifest = load_manifest(out / "manifest.json", root=out.parent)
    assert set(manifest.files) == {f"{out.name}/{path}" for path in emitted(out)}


def test_a_webpack_build_without_hashes_has_no_immutable_file(app: Path) -> None:
    out = webpack(app, PUBLIC_PATH="/static/", PLAIN="1")
    for name in ("manifest.json", "assets-manifest.json"):
        manifest = load_manifest(out / name)
        assert manifest.files == {}
        assert emitted(out) <= set(manifest.paths.values())


def test_a_name_of_webpack_always_has_the_same_content(app: Path) -> None:
    first = webpack(app, PUBLIC_PATH="/static/")
    change(app)
    second = webpack(app, PUBLIC_PATH="/static/")
    assert_names_keep_their_content(
        (first, load_manifest(first / "manifest.json")), (second, load_manifest(second / "manifest.json"))
    )


def test_laravel_mix_versions_its_files_by_query(app: Path) -> None:
    (app / "webpack.mix.js").write_text(MIX_CONFIG)
    modules = node_modules("laravel-mix")
    (app / "node_modules").symlink_to(modules)  # Mix looks for its plugins there
    config = f"--config={modules}/laravel-mix/setup/webpack.config.js"
    command = [require_tool("node"), str(modules / "webpack-cli/bin/cli.js"), config]
    out = app / "public"
    build_into(out, command, app)
    found = find_manifest(out)
    assert found == str(out / "mix-manifest.json")
    manifest = load_manifest(found)
    assert manifest.paths == {"js/main.js": "js/main.js", "css/style.css": "css/style.css"}
    assert set(manifest.paths.values()) <= emitted(out)
    assert manifest.files == {}
    assert all(re.fullmatch("id=[0-9a-f]{20,32}", query) for query in manifest.queries.values())
    assert manifest.queries.keys() == manifest.paths.keys()


def sprockets(app: Path) -> Path:
    ruby = require_tool("ruby")
    (app / "compile.rb").write_text(SPROCKETS_SCRIPT)
    return built([ruby, "-W0", "compile.rb"], app)


def test_sprockets_keeps_older_files_with_their_sizes_and_digests(app: Path) -> None:
    out = sprockets(app)
    change(app)
    build_into(out, [require_tool("ruby"), "-W0", "compile.rb"], app)
    found = find_manifest(out)
    assert found is not None
    manifest = load_manifest(found)
    assert set(manifest.files) == {path for path in emitted(out) if not path.endswith(".gz")}
    assert manifest.paths.keys() == {"main.js", "style.css", "logo.png"}
    assert len(manifest.files) == 4, "the old and the new style.css are there"
    assert_digests_hold(out, manifest)


def assert_digests_hold(out: Path, manifest: Manifest) -> None:
    for path in manifest.files:
        record = manifest.record(path)
        assert record is not None
        assert (record.size, record.sha256) == measured(out / path)


def measured(path: Path) -> tuple[int, str]:
    content = path.read_bytes()
    return len(content), base64.b64encode(hashlib.sha256(content).digest()).decode()
