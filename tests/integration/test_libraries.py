"""The recipes of docs/libraries.md in a real browser, and pages whose modules have two names."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hashserve import HashServe
from hashserve.builder import BuildSettings, build
from tests.integration.test_importers_real import node_modules, run
from tests.support.browser import PREFIX, Body, Site, Visit, serve
from tests.support.building import manifest_of
from tests.support.files import put
from tests.support.parts import require_tool
from tests.support.real_trees import real_tree

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]

PAGE = Path(__file__).parents[2] / "docs/libraries.md"

SOURCES: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "leaflet": ("leaflet", "dist", ("leaflet.js", "leaflet.css", "images")),
    "shoelace": (
        "shoelace",
        "cdn",
        (
            *("shoelace-autoloader.js", "chunks", "components/button", "components/icon"),
            *("themes/light.css", "assets/icons/heart.svg"),
        ),
    ),
    "tinymce": (
        "tinymce",
        "",
        ("tinymce.min.js", "icons/default", "models/dom", "plugins/lists", "skins", "themes/silver"),
    ),
    "mathjax": ("mathjax", "es5", ("tex-chtml.js", "output/chtml/fonts")),
    "ace": (
        "ace-builds",
        "src-min-noconflict",
        ("ace.js", "mode-javascript.js", "worker-javascript.js", "theme-monokai.js"),
    ),
    "ort": (
        "onnxruntime-web",
        "dist",
        ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"),
    ),
    "maplibre": (
        "maplibre-gl",
        "dist",
        ("maplibre-gl.mjs", "maplibre-gl-shared.mjs", "maplibre-gl-worker.mjs", "maplibre-gl.css"),
    ),
    "monaco/vs": (
        "monaco-editor",
        "min/vs",
        ("loader.js", "base", "editor", "language/typescript", "basic-languages/javascript"),
    ),
    "pdfjs": ("pdfjs-dist", "", ("build/pdf.min.mjs", "build/pdf.worker.min.mjs", "standard_fonts")),
}
"""What is built, by folder of the source: the short name of a package, and paths in a folder of its tree."""


def field(number: int, value: bytes | int) -> bytes:
    """Return a field of a protocol buffer: a small number, or bytes that are not long."""
    if isinstance(value, int):
        return bytes((number << 3, value))
    return bytes((number << 3 | 2, len(value))) + value


def one_page(text: str) -> list[int]:
    """Return a PDF of one page with a text in Helvetica, which no PDF holds. Readers make up its table."""
    drawn = f"BT /F 24 Tf 20 20 Td ({text}) Tj ET"
    objects = (
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/MediaBox[0 0 200 60]/Parent 2 0 R/Resources<</Font<</F 4 0 R>>>>/Contents 5 0 R>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        f"<</Length {len(drawn)}>>stream\n{drawn}\nendstream",
    )
    body = "".join(f"{number} 0 obj\n{each}\nendobj\n" for number, each in enumerate(objects, 1))
    return list(f"%PDF-1.4\n{body}trailer\n<</Root 1 0 R>>\n".encode())


def identity_model() -> list[int]:
    """Return an ONNX model that gives back its only number."""
    shape = field(1, 1) + field(2, field(1, field(1, 1)))  # a tensor of one float
    x, y = (field(1, name) + field(2, field(1, shape)) for name in (b"x", b"y"))
    node = field(1, b"x") + field(2, b"y") + field(4, b"Identity")
    graph = field(1, node) + field(2, b"g") + field(11, x) + field(12, y)
    return list(field(1, 8) + field(8, field(1, b"") + field(2, 13)) + field(7, graph))


@dataclass(frozen=True, kw_only=True)
class Use:
    """What a page does with a library, and an expression that is true once it has worked."""

    body: str
    worked: str


USES = {
    "Leaflet": Use(
        body="<div id=map style='height: 9em'></div><script>"
        "L.marker([0, 0]).addTo(L.map('map').setView([0, 0], 1))</script>",
        worked="[...document.querySelectorAll('.leaflet-pane img')].length == 2 &&"
        " [...document.images].every(image => image.complete && image.naturalWidth)",
    ),
    "Shoelace": Use(
        body="<sl-button>Go</sl-button><sl-icon name=heart></sl-icon>",
        worked="customElements.get('sl-button') &&"
        " document.querySelector('sl-icon').shadowRoot?.querySelector('svg') && true",
    ),
    "TinyMCE": Use(
        body="<textarea>a text</textarea><script>tinymce.init({selector: 'textarea', license_key: 'gpl',"
        " plugins: 'lists', toolbar: 'bullist'})</script>",
        worked="tinymce.activeEditor?.initialized && tinymce.activeEditor.getContent().includes('a text')",
    ),
    "MathJax": Use(
        body=r"<p>\(\sqrt x\)</p>",
        worked="document.querySelector('mjx-container') &&"
        " [...document.fonts].some(font => font.status == 'loaded')",
    ),
    "Ace": Use(
        body="<div id=editor style='height: 9em'>let a = ;</div><script>window.editor = ace.edit('editor',"
        " {mode: 'ace/mode/javascript', theme: 'ace/theme/monokai'})</script>",
        # Only the worker finds errors.
        worked="editor.session.getAnnotations().length && document.querySelector('.ace-monokai') && true",
    ),
    "onnxruntime-web": Use(
        body="<script type=module>ort.env.wasm.numThreads = 1;"
        f"const session = await ort.InferenceSession.create(new Uint8Array({json.dumps(identity_model())}));"
        "const {y} = await session.run({x: new ort.Tensor('float32', [42], [1])});"
        "window.answer = y.data[0]</script>",
        worked="window.answer == 42",
    ),
    "MapLibre GL": Use(
        body="<div id=map style='height: 9em'></div><script type=module>"
        "const data = {type: 'Polygon', coordinates: [[[0, 0], [40, 0], [40, 40], [0, 0]]]};"
        "window.map = new maplibregl.Map({container: 'map', style: {version: 8,"
        " sources: {shape: {type: 'geojson', data}},"
        " layers: [{id: 'shape', type: 'fill', source: 'shape'}]}});</script>",
        # Only the worker makes tiles of the shape.
        worked="window.map?.loaded?.() && map.queryRenderedFeatures().length",
    ),
    "Monaco": Use(
        body="<div id=editor style='height: 9em'></div><script>require(['vs/editor/editor.main'], () =>"
        " monaco.editor.create(editor, {value: 'let a = ;', language: 'javascript'}))</script>",
        # Only the worker finds errors.
        worked="window.monaco?.editor.getModelMarkers({}).length",
    ),
    "PDF.js": Use(
        body="<canvas id=canvas></canvas><script type=module>"
        f"const data = new Uint8Array({json.dumps(one_page('a text'))});"
        "const options = {...folders, data, useSystemFonts: false, useWorkerFetch: false};"
        "const page = await (await pdfjs.getDocument(options).promise).getPage(1);"
        "await page.render({canvas, viewport: page.getViewport({scale: 1})}).promise;"
        "window.text = (await page.getTextContent()).items[0].str</script>",
        worked="window.text == 'a text' && performance.getEntriesByType('resource').some("
        "each => each.name.includes('/standard_fonts/'))",
    ),
}


def blocks(heading: str, language: str) -> list[str]:
    """Return the code blocks of one section of the page."""
    (section,) = re.findall(
        rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return re.findall(rf"^```{language}\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)


def options(heading: str) -> dict[str, list[str]]:
    """Return the options of the build in a section of the page, as keywords."""
    (command,) = blocks(heading, "console")
    name, value = shlex.split(command)[-2:]
    return {name.removeprefix("--").replace("-", "_"): [value]}


def head_of(heading: str) -> Callable[[HashServe], str]:
    """Return the HTML of a section of the page, as a template makes it."""
    (block,) = blocks(heading, "html")

    def head(static: HashServe) -> str:
        return re.sub(r"{% static '([^']+)' %}", lambda match: static.url(match[1]), block)

    return head


def page_of(head: Callable[[HashServe], str] | str, body: str) -> Body:
    start = '<!doctype html><html lang=en><meta charset=utf-8><link rel=icon href="data:,">'
    return lambda static: f"{start}{head if isinstance(head, str) else head(static)}<body>{body}"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of all libraries that the pages need."""
    folder = tmp_path_factory.mktemp("libraries")
    for name, (package, below, paths) in SOURCES.items():
        for path in paths:
            found, copy = real_tree(package) / below / path, folder / name / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            if found.is_dir():
                shutil.copytree(found, copy)
            else:
                shutil.copy(found, copy)
    return folder


@pytest.fixture(scope="module")
def plain(source: Path) -> Path:
    """A build without options."""
    build(source, source.with_name("plain"), codings=())
    return source.with_name("plain")


@pytest.fixture(scope="module")
def chosen(source: Path) -> Path:
    """A build with the options that the page names."""
    settings = BuildSettings.of({"codings": (), **options("Leaflet"), **options("Shoelace")})
    build(source, source.with_name("chosen"), settings)
    return source.with_name("chosen")


@contextmanager
def visit(browser: Browser, out: Path, page: Body) -> Iterator[Visit]:
    with serve(Site(out, {"/": page})) as url, Visit.to(browser, f"{url}/") as visited:
        yield visited


def assert_each_once(visited: Visit, out: Path) -> None:
    """Assert that nothing failed, and that no file was loaded under two names."""
    assert visited.problems == []
    logical = {path: name for name, path in manifest_of(out).paths.items()}
    counts = Counter(logical.get(path, path) for path in visited.assets())
    assert counts
    assert max(counts.values()) == 1, counts.most_common(3)


@pytest.mark.parametrize("heading", USES)
def test_each_library_works_with_its_recipe(
    heading: str, plain: Path, request: pytest.FixtureRequest, browser: Browser
) -> None:
    out = request.getfixturevalue("chosen") if heading == "Shoelace" else plain
    with visit(browser, out, page_of(head_of(heading), USES[heading].body)) as visited:
        visited.wait(USES[heading].worked)
        assert_each_once(visited, out)
        if heading in ("Leaflet", "onnxruntime-web", "MapLibre GL"):
            visited.assert_clean(manifest_of(out).files)  # all of it is immutable


FINGERPRINTED = {
    "Leaflet": ("leaflet/leaflet.css", "leaflet/leaflet.js"),
    "Shoelace": ("shoelace/shoelace-autoloader.js",),
}


def head_without_recipe(heading: str, *, fingerprinted: bool) -> Callable[[HashServe], str]:
    def head(static: HashServe) -> str:
        tags = []
        for path in FINGERPRINTED[heading]:
            url = static.url(path) if fingerprinted else PREFIX + path
            kind = "type=module" if heading == "Shoelace" else ""
            is_sheet = path.endswith(".css")
            tags.append(
                f"<link rel=stylesheet href={url}>" if is_sheet else f"<script {kind} src={url}></script>"
            )
        return "".join(tags)

    return head


@pytest.mark.parametrize("heading", FINGERPRINTED)
def test_a_library_without_its_recipe_asks_for_files_that_are_not_there(
    heading: str, plain: Path, browser: Browser
) -> None:
    page = page_of(head_without_recipe(heading, fingerprinted=True), USES[heading].body)
    with visit(browser, plain, page) as visited:
        while not any(problem.startswith("404") for problem in visited.problems):  # or the test times out
            visited.page.evaluate("new Promise(requestAnimationFrame)")


@pytest.mark.parametrize("heading", FINGERPRINTED)
def test_a_library_works_through_its_unhashed_names(heading: str, plain: Path, browser: Browser) -> None:
    page = page_of(head_without_recipe(heading, fingerprinted=False), USES[heading].body)
    with visit(browser, plain, page) as visited:
        visited.wait(USES[heading].worked)
        assert_each_once(visited, plain)


def test_leaflet_works_if_the_references_of_its_style_sheet_are_left(chosen: Path, browser: Browser) -> None:
    page = page_of(head_without_recipe("Leaflet", fingerprinted=True), USES["Leaflet"].body)
    with visit(browser, chosen, page) as visited:
        visited.wait(USES["Leaflet"].worked)
        assert_each_once(visited, chosen)


# Modules with two names

STORE = b"window.runs = (window.runs || 0) + 1; export const count = () => window.runs;"
APP = b"import {count} from './store.js'; window.counted = count();"


@pytest.mark.parametrize("rewrite_unhashed", [False, True])
def test_a_page_that_loads_two_modules_by_their_unhashed_names_runs_each_once(
    rewrite_unhashed: bool, tmp_path: Path, browser: Browser
) -> None:
    put(tmp_path / "source", "app.js", APP)
    put(tmp_path / "source", "store.js", STORE)
    out = tmp_path / "out"
    build(tmp_path / "source", out, rewrite_unhashed=rewrite_unhashed)
    scripts = (f"<script type=module src={PREFIX}{name}></script>" for name in ("store.js", "app.js"))
    with visit(browser, out, page_of("".join(scripts), "")) as visited:
        visited.wait("window.counted")
        assert visited.problems == []
        # With that option, the page has what the documentation warns of.
        assert visited.page.evaluate("window.runs") == (2 if rewrite_unhashed else 1)
        if not rewrite_unhashed:
            assert_each_once(visited, out)


REACT = {
    "package.json": '{"private": true, "type": "module"}',
    "index.html": "<!doctype html><html lang=en><link rel=icon href='data:,'><div id=root></div>"
    "<script type=module src=/src/main.jsx></script>",
    "src/main.jsx": """
        import {StrictMode} from "react";
        import {createRoot} from "react-dom/client";
        import {App} from "./App.jsx";
        window.started = (window.started || 0) + 1;
        createRoot(document.getElementById("root")).render(<StrictMode><App/></StrictMode>);
    """,
    "src/App.jsx": """
        import {lazy, Suspense, useState} from "react";
        import "./app.css";
        const Details = lazy(() => import("./Details.jsx"));
        export function Title({text}) { return <h2>{text}</h2>; }
        export function App() {
          const [shown, show] = useState(false);
          return <main><button onClick={() => show(!shown)}>Details</button>
            <Suspense fallback={<p>Loading</p>}>{shown ? <Details/> : <p>Nothing</p>}</Suspense></main>;
        }
    """,
    "src/Details.jsx": """
        import {useEffect, useState} from "react";
        import {Title} from "./App.jsx";
        export default function Details() {
          const [text, set] = useState("");
          useEffect(() => set("shown"), []);
          return <section><Title text="Details"/><output>{text}</output></section>;
        }
    """,
    "src/app.css": "main { color: rgb(1, 2, 3) }",
}
"""An application whose lazy chunk imports the entry, because both use React and a component."""


@pytest.mark.parametrize("output", ["{}", '{entryFileNames: "[name].js", chunkFileNames: "[name].js"}'])
def test_a_stock_application_of_vite_and_react_runs_once_from_its_page(
    output: str, tmp_path: Path, browser: Browser
) -> None:
    folder, out = tmp_path / "application", tmp_path / "out"
    for path, text in REACT.items():
        put(folder, path, text.encode())
    modules = node_modules("vite-react")
    (folder / "node_modules").symlink_to(modules)
    config = 'export default {esbuild: {jsx: "automatic"}, build: {rollupOptions: {output: %s}}}'
    (folder / "vite.config.js").write_text(config % output)
    run(
        *(require_tool("node"), str(modules / "vite/bin/vite.js"), "build", "--logLevel", "error"),
        cwd=folder,
        timeout=600,
    )
    build(folder / "dist", out, prefix="/")
    static = HashServe(lambda environ, start_response: [], root=out, prefix="/", index_file=True)
    site = Site(out, {})
    site.static = static
    with serve(site) as url, Visit.to(browser, f"{url}/") as visited:
        for _ in range(3):
            visited.page.click("button")
            visited.page.locator("output", has_text="shown").wait_for()
            visited.page.click("button")
            visited.page.locator("text=Nothing").wait_for()
        assert visited.page.evaluate("window.started") == 1
        assert visited.problems == []
        logical = {path: name for name, path in manifest_of(out).paths.items()}
        paths = [response.url.removeprefix(f"{url}/") for response in visited.loaded]
        names = {logical.get(path, path) for path in paths}
        assert len(paths) == len(names) == 4  # the page, the entry, its style sheet, the chunk
