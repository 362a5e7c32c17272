"""Pages with real trees in a real browser."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hashserve import HashServe, Manifest
from hashserve.builder import BuildSettings, build
from tests.support.browser import PATIENCE, Body, Site, Visit, serve
from tests.support.building import manifest_of
from tests.support.files import put
from tests.support.real_trees import build_real, settings, source_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]


@contextmanager
def visit(browser: Browser, out: Path, page: Body, **pages: Body) -> Iterator[Visit]:
    """Serve a page with the tree in ``out`` and open it. ``pages`` are served under their names."""
    site = Site(out, {"/": page, **{f"/{name}": body for name, body in pages.items()}})
    with serve(site) as url, Visit.to(browser, f"{url}/") as visit:
        yield visit


def html(head: str, body: str) -> str:
    return f'<!doctype html><html lang=en><meta charset=utf-8><link rel=icon href="data:,">{head}<body>{body}'


WRONG = """
<img src=/nowhere.png><script>
console.error("a complaint");
setTimeout(() => { throw new Error("an exception"); });
const code = "setTimeout(() => { throw new Error('in a worker'); }); fetch('%s/nowhere.json')";
new Worker(URL.createObjectURL(new Blob([code.replace("%s", location.origin)])));
fetch("http://127.0.0.1:1/").catch(() => {});
</script>
"""


def test_every_error_in_a_page_is_noticed(browser: Browser, tmp_path: Path) -> None:
    put(tmp_path, "a.css", b"")
    expected = ("/nowhere.png", "a complaint", "an exception", "in a worker", "/nowhere.json", "127.0.0.1:1/")
    with visit(browser, tmp_path, html("", WRONG)) as visited:
        seen = set[str]()
        while seen != set(expected):  # the timeout of the test ends an endless loop
            visited.page.evaluate("new Promise(requestAnimationFrame)")
            seen = {part for part in expected if any(part in problem for problem in visited.problems)}


def test_bootstrap_opens_a_modal(browser: Browser) -> None:
    built = build_real("bootstrap")

    def page(static: HashServe) -> str:
        return html(
            f'<link rel=stylesheet href="{static.url("css/bootstrap.min.css")}">'
            f'<script defer src="{static.url("js/bootstrap.bundle.min.js")}"></script>',
            '<div class=container><button class="btn btn-primary" data-bs-toggle=modal'
            ' data-bs-target="#modal">Open</button><div class="modal fade" id=modal tabindex=-1>'
            "<div class=modal-dialog><div class=modal-content><div class=modal-body>It is open."
            "</div></div></div></div></div>",
        )

    with visit(browser, built.out, page) as visited:
        visited.page.click("button")
        visited.page.locator("#modal.show").wait_for()
        assert visited.page.locator("text=It is open.").is_visible()
        visited.assert_clean(built.manifest.files)


def test_font_awesome_draws_with_fonts_and_images(browser: Browser) -> None:
    built = build_real("fontawesome")

    def page(static: HashServe) -> str:
        icons = '<i class="fa-solid fa-house"></i><i class="fa-brands fa-github"></i>'
        more = '<i class="fa-regular fa-heart"></i>'
        use = f'<svg width=64 height=64><use href="{static.url("sprites/solid.svg")}#house"/></svg>'
        image = f'<img width=64 src="{static.url("svgs/solid/house.svg")}">'
        return html(
            f'<link rel=stylesheet href="{static.url("css/all.min.css")}">',
            f"<h1>{icons}{more}{image}{use}</h1>",
        )

    with visit(browser, built.out, page) as visited:
        for font in ("900 32px 'Font Awesome 6 Free'", "400 32px 'Font Awesome 6 Brands'"):
            visited.wait(f"document.fonts.ready.then(() => document.fonts.check({json.dumps(font)}))")
        assert visited.page.evaluate("[...document.fonts].every(font => font.status != 'error')")
        assert visited.page.evaluate("document.images[0].naturalWidth") > 0
        visited.assert_clean(built.manifest.files)
        fonts = {path.partition(".")[0] for path in visited.assets() if path.endswith(".woff2")}
        assert {"webfonts/fa-solid-900", "webfonts/fa-brands-400", "webfonts/fa-regular-400"} <= fonts


def test_font_awesome_draws_with_its_script(browser: Browser) -> None:
    built = build_real("fontawesome")

    def page(static: HashServe) -> str:
        script = f'<script defer src="{static.url("js/all.min.js")}"></script>'
        return html(script, '<i class="fa-solid fa-house"></i>')

    with visit(browser, built.out, page) as visited:
        visited.page.locator("svg.fa-house path").wait_for(state="attached")
        visited.assert_clean(built.manifest.files)


def test_jquery_selects_and_loads(browser: Browser) -> None:
    built = build_real("jquery")

    def page(static: HashServe) -> str:
        return html(
            f'<script src="{static.url("jquery.min.js")}"></script>',
            "<p id=out></p><script>$(() => $('#out').load('/part', () => $('p').addClass('done')))</script>",
        )

    with visit(browser, built.out, page, part="<b>a part</b>") as visited:
        assert visited.page.locator("p.done b").inner_text() == "a part"
        visited.assert_clean(built.manifest.files)


def test_htmx_swaps_a_part(browser: Browser) -> None:
    built = build_real("htmx")

    def page(static: HashServe) -> str:
        script = f'<script src="{static.url("htmx.min.js")}"></script>'
        return html(script, "<button hx-get='/part' hx-swap=outerHTML>Swap</button>")

    with visit(browser, built.out, page, part="<b>swapped</b>") as visited:
        visited.page.click("button")
        visited.page.locator("text=swapped").wait_for()
        visited.assert_clean(built.manifest.files)


@pytest.mark.parametrize("script", ["cdn.min.js", "module.esm.js"])
def test_alpine_toggles_a_part(browser: Browser, script: str) -> None:
    built = build_real("alpine")

    def page(static: HashServe) -> str:
        url = static.url(script)
        start = (
            f'<script type=module>import Alpine from "{url}"; Alpine.start()</script>'
            if "esm" in script
            else f'<script defer src="{url}"></script>'
        )
        return html(
            start,
            '<div x-data="{open: false}"><button @click="open = !open">T</button><b x-show=open>open</b>',
        )

    with visit(browser, built.out, page) as visited:
        visited.page.locator("b[style*=none]").wait_for(state="attached")
        visited.page.click("button")
        visited.page.locator("b").wait_for(state="visible")
        visited.assert_clean(built.manifest.files)


@pytest.mark.parametrize("bundler", ["vite", "webpack"])
def test_a_bundled_application_runs_with_the_names_of_its_bundler(browser: Browser, bundler: str) -> None:
    built = build_real(bundler)
    entry, style = ("src/main.js", "assets/main.css") if bundler == "vite" else ("js/main.js", "css/main.css")

    def page(static: HashServe) -> str:
        kind = "module" if bundler == "vite" else "text/javascript"
        script = f'<script type="{kind}" src="{static.url(entry)}"></script>'
        return html(f'<link rel=stylesheet href="{static.url(style)}">', script)

    with visit(browser, built.out, page) as visited:
        visited.wait("document.body.dataset.lazy == 'a shared chunk'")
        visited.wait("document.body.dataset.worker == '42'")
        visited.wait("document.querySelector('#logo').naturalWidth == 64")
        visited.wait("getComputedStyle(document.body).color == 'rgb(1, 2, 3)'")
        visited.assert_clean(built.manifest.files)
        for path in visited.assets():
            assert (built.source / path).is_file(), f"{path} is no name of the bundler's"


MONACO = """
<div id=editor style="height: 400px"></div>
<script>
require.config({paths: {vs: "/static/min/vs"}});
require(["vs/editor/editor.main"], () => {
  window.editor = monaco.editor.create(document.querySelector("#editor"), {
    value: '{"a": [1, 2,, 3]}', language: "json",
  });
});
</script>
"""


def test_monaco_edits_with_its_loader_and_workers(browser: Browser) -> None:
    built = build_real("monaco")

    def page(static: HashServe) -> str:
        return html(f'<script src="{static.url("min/vs/loader.js")}"></script>', MONACO)

    with visit(browser, built.out, page) as visited:
        visited.page.locator(".view-line .mtk7", has_text="3").wait_for()  # numbers have their own color
        # Only the JSON worker finds that a value is missing.
        message = visited.wait("window.monaco && monaco.editor.getModelMarkers({})[0]?.message")
        assert "expected" in message.lower()
        visited.wait("document.fonts.load('16px codicon').then(fonts => fonts.length)")
        assets = visited.assets()
        by_loader = {path for path in assets if path in built.manifest.paths}
        assert {
            "min/vs/editor/editor.main.js",
            "min/vs/editor/editor.main.css",
            "min/vs/base/worker/workerMain.js",
            "min/vs/language/json/jsonWorker.js",
        } <= by_loader
        # The unhashed style sheet refers to the unhashed font.
        assert {path for path in assets if path.endswith(".ttf")} == {
            "min/vs/base/browser/ui/codicons/codicon/codicon.ttf"
        }
        visited.assert_clean(built.manifest.files, unhashed=by_loader)
        assert all("max-age=60" in assets[path] for path in by_loader)


THREE = """
import * as THREE from "three";
import {OrbitControls} from "ORBIT";
import {FontLoader} from "FONT";
import {TextGeometry} from "TEXT";
import {GLTFLoader} from "GLTF";
const renderer = new THREE.WebGLRenderer({preserveDrawingBuffer: true});
renderer.setSize(320, 240);
document.body.append(renderer.domElement);
const scene = new THREE.Scene(), camera = new THREE.PerspectiveCamera(50, 4 / 3, 0.1, 100);
camera.position.z = 5;
const controls = new OrbitControls(camera, renderer.domElement);
new FontLoader().load("TYPEFACE", font => {
  const geometry = new TextGeometry("A", {font, size: 2, height: 0.5}).center();
  scene.add(new THREE.Mesh(geometry, new THREE.MeshBasicMaterial({color: 0xff0000})));
  controls.update();
  renderer.render(scene, camera);
  const gl = renderer.getContext(), pixel = new Uint8Array(320 * 240 * 4);
  gl.readPixels(0, 0, 320, 240, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
  window.red = pixel.filter((value, index) => index % 4 == 0 && value == 255).length;
  window.loader = new GLTFLoader();
});
"""

JSM = "examples/jsm/"
ADDONS = {
    "ORBIT": "controls/OrbitControls.js",
    "FONT": "loaders/FontLoader.js",
    "TEXT": "geometries/TextGeometry.js",
    "GLTF": "loaders/GLTFLoader.js",
}
LEAF = f"{JSM}utils/BufferGeometryUtils.js"
"""The module that GLTFLoader imports."""


def scene(static: HashServe, imports: str, names: dict[str, str]) -> str:
    """Write a page whose module imports the addons under these names."""
    module = THREE.replace("TYPEFACE", static.url("examples/fonts/helvetiker_regular.typeface.json"))
    for placeholder, name in names.items():
        module = module.replace(f'"{placeholder}"', json.dumps(name))
    return html(f"<script type=importmap>{imports}</script>", f"<script type=module>{module}</script>")


def test_three_renders_text_with_its_addons(browser: Browser) -> None:
    built = build_real("three")

    def page(static: HashServe) -> str:
        imports = json.dumps({"imports": {"three": static.url("build/three.module.js")}})
        return scene(static, imports, {name: static.url(JSM + path) for name, path in ADDONS.items()})

    with visit(browser, built.out, page) as visited:
        assert visited.wait("window.loader && window.red") > 1000
        visited.assert_clean(built.manifest.files)
        assert built.manifest.paths[LEAF] in visited.assets()


def test_with_an_import_map_only_the_changed_module_is_renamed(browser: Browser, tmp_path: Path) -> None:
    source, overlay = source_of("three"), tmp_path / "overlay"
    out, import_map = tmp_path / "out", tmp_path / "map.json"
    chosen = settings(
        "three",
        js_references="import-map",
        import_map=str(import_map),
        import_map_bare={"three": "build/three.module.js"},
    )

    def page(static: HashServe) -> str:
        return scene(static, import_map.read_text(), {name: JSM + path for name, path in ADDONS.items()})

    releases: list[Manifest] = []
    for change in ("", "\nwindow.changed = true;\n"):
        put(overlay, LEAF, (source / LEAF).read_bytes() + change.encode())
        build([overlay, source], out, chosen)
        releases.append(manifest_of(out))
        with visit(browser, out, page) as visited:
            assert visited.wait("window.loader && window.red") > 1000
            visited.assert_clean(releases[-1].files)
            assert releases[-1].paths[LEAF] in visited.assets()
            assert visited.page.evaluate("window.changed === true") is bool(change)
    old, new = (manifest.paths for manifest in releases)
    assert {path for path in new if new[path] != old[path]} == {LEAF}


RELEASE = {
    "app.css": b"body { color: rgb(0, 0, 1); background: url(logo.svg) }",
    "logo.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><path d="M0 0h8v8z"/></svg>',
    "main.js": b'window.later = () => import("./later.js").then(({text}) => text);',
    "later.js": b'import {text} from "./text.js"; export {text};',
    "text.js": b'export const text = "of release A";',
}


def test_an_old_page_loads_its_own_modules_after_a_new_release(browser: Browser, tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    for path, content in RELEASE.items():
        put(source, path, content)
    build(source, out, BuildSettings())
    old = manifest_of(out)

    def page(static: HashServe) -> str:
        style = f'<link rel=stylesheet href="{static.url("app.css")}">'
        return html(style, f'<script type=module src="{static.url("main.js")}"></script>')

    with serve(Site(out, {"/": page})) as url, Visit.to(browser, f"{url}/") as first:
        put(source, "app.css", RELEASE["app.css"].replace(b"0, 0, 1", b"0, 0, 2"))
        put(source, "text.js", RELEASE["text.js"].replace(b"A", b"B"))
        build(source, out, BuildSettings())
        new = manifest_of(out)
        with Visit.to(browser, f"{url}/") as second:
            for visited, release, blue in ((first, "A", 1), (second, "B", 2)):
                assert visited.page.evaluate("later()") == f"of release {release}"
                assert visited.page.evaluate("getComputedStyle(document.body).color") == f"rgb(0, 0, {blue})"
            first.assert_clean(old.files)
            second.assert_clean(new.files)
    changed = {"app.css", "main.js", "later.js", "text.js"}
    assert {path for path in new.paths if new.paths[path] != old.paths[path]} == changed
    assert {old.paths[path] for path in changed} <= first.assets().keys()
    assert set(old.files) <= set(new.files)
    assert not {old.paths[path] for path in changed} & second.assets().keys()


@contextmanager
def django_site(out: Path, folder: Path) -> Iterator[str]:
    """Run Django's admin under gunicorn with threads and return its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, (folder / "log").open("wb") as log:
        command = [
            *(sys.executable, "-m", "gunicorn", "tests.integration.django_site:application"),
            *("--worker-class=gthread", "--threads=4", f"--bind=fd://{listener.fileno()}"),
        ]
        environment = {**os.environ, "HASHSERVE_OUT": str(out), "HASHSERVE_FOLDER": str(folder)}
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, pass_fds=[listener.fileno()]
        )
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            # The socket listens already: the answer comes once Django is up.
            urllib.request.urlopen(f"{url}/admin/login/", timeout=PATIENCE / 1000).close()
            yield url
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE / 1000)


def test_django_admin_works_with_its_scripts_and_styles(browser: Browser, tmp_path: Path) -> None:
    built = build_real("django admin")
    with django_site(built.out, tmp_path) as url, Visit.to(browser, f"{url}/admin/") as visited:
        page = visited.page
        page.fill("#id_username", "admin")
        page.fill("#id_password", "secret")
        page.click("[type=submit]")
        page.locator("#site-name").wait_for()
        page.goto(f"{url}/admin/auth/user/1/change/")
        page.locator(".selector-available select").first.wait_for()  # SelectFilter2 has made them
        page.locator(".calendarbox, .datetimeshortcuts a").first.wait_for(state="attached")
        assert page.evaluate("document.querySelector('.selector-available option') !== null")
        page.goto(f"{url}/admin/admin/logentry/add/")
        page.click(".select2-selection")
        page.locator(".select2-results__option", has_text="admin").wait_for()
        visited.assert_clean(built.manifest.files)
        loaded = {path.split(".")[0] for path in visited.assets()}
        assert {"admin/js/vendor/select2/select2", "admin/js/SelectFilter2", "admin/css/base"} <= loaded
