"""The names of files, compared with those of Django's own storage over files that try both.

Invariant: every difference is listed here with its reason, and a listed one that is gone fails too.
"""

# Django has no types.
# mypy: disable-error-code="misc"
from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import md5
from itertools import count
from pathlib import Path
from typing import Any

import django
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core.exceptions import SuspiciousOperation
from django.test import override_settings

from tests.support.collected_site import OURS, SOURCE, CollectedSite, paths_of
from tests.support.files import put

PICTURES = [
    "a.svg",
    "a b.svg",
    "a(1).svg",
    "a'b.svg",
    "é.svg",
    "日本.svg",
    "a+b.svg",
    "a@2x.svg",
    "a&b.svg",
    "a,b.svg",
    "a;b.svg",
    "a=b.svg",
    "a$b.svg",
    "a!b.svg",
    "a~b.svg",
    "a[b].svg",
    'a"b.svg',
    "a*b.svg",
    "a:b.svg",
    "100%.svg",
    "a{b}.svg",
    "a^b.svg",
    "a`b.svg",
    "a<b>.svg",
    "sub/a b.svg",
]

SHARED = {
    **{f"i/{name}": f"<svg id='{number}'/>".encode() for name, number in zip(PICTURES, count())},
    "b.css": b"b { color: red }",
    "sub/c.css": b"c { color: red }",
    "nested.css": b"@import 'sub/c.css'; b { background: url(i/a.svg) }",
    "m.js": b"export const m = 1;\n",
    "sub/n.js": b"export const n = 1;\n",
    "chain.js": b"import './m.js';\nimport './sub/n.js';\n",
    "x.css.map": b"{}",
    "x.js.map": b"{ }",
}

# One file for each, named after its place here.
STYLES = [
    'a { background: url("i/a b.svg") }',
    "a { background: url('i/a b.svg') }",
    "a { background: url(i/a%20b.svg) }",
    "a { background: url(i/sub/a%20b.svg) }",
    "a { background: url(i/a%281%29.svg) }",
    'a { background: url("i/a\'b.svg") }',
    "a { background: url(i/a%27b.svg) }",
    "a { background: url(i/é.svg) }",
    "a { background: url(i/%C3%A9.svg) }",
    "a { background: url('i/日本.svg') }",
    "a { background: url(i/a+b.svg) }",
    "a { background: url(i/a@2x.svg) }",
    "a { background: url(i/a&b.svg) }",
    "a { background: url(i/a,b.svg) }",
    'a { background: url("i/a;b.svg") }',
    "a { background: url(i/a=b.svg) }",
    "a { background: url(i/a$b.svg) }",
    "a { background: url(i/a!b.svg) }",
    "a { background: url(i/a~b.svg) }",
    "a { background: url(i/a[b].svg) }",
    "a { background: url(i/a*b.svg) }",
    "a { background: url(i/a:b.svg) }",
    'a { background: url("i/a{b}.svg") }',
    'a { background: url("i/a^b.svg") }',
    'a { background: url("i/a`b.svg") }',
    'a { background: url("i/a<b>.svg") }',
    "a { background: url( i/a.svg ) }",
    'a { background: url(" i/a.svg ") }',
    "a { background: url(i/a.svg?v=1) }",
    "a { background: url(i/a.svg?v=1#x) }",
    'a { background: url("i/a.svg#x y") }',
    "a { background: url(i/a.svg?#iefix) }",
    "a { background: url(i/a.svg?v=a%20b) }",
    'a { background: url("i/a.svg?v=a b") }',
    "a { background: url(i/a.svg#a%20b) }",
    "a { background: url(#a/b) }",
    "a { background: url(/static/i/a.svg) }",
    'a { background: url("/static/i/a b.svg") }',
    "a { background: url(/other/i/a.svg) }",
    "a { background: url(sub/../i/a.svg) }",
    "a { background: url(./i/a.svg) }",
    "a { background: URL(i/a.svg) }",
    '@IMPORT "b.css";',
    "a { background: url(data:image/svg+xml;utf8,<svg/>) }",
    "a { background: url(\"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'/%3E\") }",
    "a { background: url(https://example.com/a.svg) }",
    "a { background: url(//example.com/a.svg) }",
    "a { background: url() }",
    'a { background: url("") }',
    '@import "b.css";',
    "@import 'b.css';",
    "@import url(b.css);",
    '@import url("b.css") screen;',
    '@import"b.css";',
    "@import 'sub/c.css' print;",
    "@import 'nested.css'; a { background: url(i/a.svg) }",
    "a { background: url(i/a.svg), url('i/a b.svg') }",
    "a { color: red }\n/*# sourceMappingURL=x.css.map */",
    "/*# sourceMappingURL=x.css.map */\na { color: red }",
    "a { color: red }\n/*# sourceMappingURL=x.css.map*/",
    "a { background: image-set(url(i/a.svg) 1x, url('i/a b.svg') 2x) }",
    ":root { --icon: url(i/a.svg) }",
    '\ufeff@charset "utf-8"; a { background: url(i/a.svg) }',
    "a {\r\n background: url(i/a.svg);\r\n}\r\n",
    "@namespace svg url(http://www.w3.org/2000/svg);",
    "a { background: url(sub/%2e%2e/i/a.svg) }",
    'a { background: url("i/a\t.svg") }',
]
SCRIPTS = [
    "import { m } from './m.js';\n",
    'import { m } from "./m.js";\n',
    "import './m.js';\n",
    "import'./m.js';\n",
    "import * as m from './m.js';\n",
    "import m from './m.js';\n",
    "import m, { x } from './m.js';\n",
    "import {\n  m,\n  x as y\n} from './m.js';\n",
    "import{m}from'./m.js';\n",
    'import{m}from"./m.js";import{n}from"./sub/n.js";\n',
    "export { m } from './m.js';\n",
    "export * from './m.js';\n",
    "export * as m from './m.js';\n",
    "import('./m.js').then(console.log);\n",
    'const m = await import("./m.js");\n',
    "import('./' + name);\n",
    "import { html } from 'lit';\n",
    "import { m } from '/static/m.js';\n",
    "import { m } from './sub/../m.js';\n",
    "import { m } from './m.js?v=1';\n",
    "import /* c */ { m } from './m.js';\n",
    "import './chain.js';\n",
    "console.log(1);\n//# sourceMappingURL=x.js.map\n",
    "console.log(1);\n//# sourceMappingURL=x.js.map",
    "console.log(1);\n//# sourceMappingURL=x.js.map \n",
    "console.log(1);\r\n//# sourceMappingURL=x.js.map\r\n",
    "a();\n//# sourceMappingURL=x.js.map\nb();\n//# sourceMappingURL=x.js.map\n",
    "(function () { window.x = 1; })();\n",
]

DIFFERENT = {
    "hashserve finds references that Django's patterns do not match": [
        "a { background: url(\n  'i/a.svg'\n) }",
        "a { background: url(i/a.svg",
        'a { background: image-set("i/a.svg" 1x) }',
        'a { background: src("i/a.svg") }',
        '@import/**/"b.css";',
        "a { color: red }\n/*@ sourceMappingURL=x.css.map */",
        "import { m } from './m.js'\n",
        "export { m } from './m.js'\n",
        "import( './m.js' );\n",
        "import(`./m.js`);\n",
        "import x from './x.js.map' with { type: 'json' };\n",
        "new URL('./m.js', import.meta.url);\n",
        "new Worker(new URL('./m.js', import.meta.url));\n",
        "import.meta.resolve('./m.js');\n",
        "console.log(1);\n//@ sourceMappingURL=x.js.map\n",
        "console.log(1);\n/*# sourceMappingURL=x.js.map */\n",
    ],
    "Django's patterns match what is no reference: in comments, strings and namespaces": [
        "/* url(i/a.svg) */ a { color: red }",
        'a::after { content: "url(i/a.svg)" }',
        "@namespace x url(i/a.svg);",
        "// import { m } from './m.js';\nconsole.log(1);\n",
        "/* import { m } from './m.js'; */\nconsole.log(1);\n",
        "const s = \"import './m.js';\";\n",
        "const s = `import './m.js';`;\n",
        "const s = `\n//# sourceMappingURL=x.js.map\n`;\n",
    ],
    "Django writes a URL that is broken, or of another file": [
        "a { background: url(i/a%22b.svg) }",
        'a { background: url("i/a%2520b.svg") }',
        'a { background: url("i/100%.svg") }',
        "a { color: red }\n/*# sourceMappingURL=x.css.map?v=1 */",
        "import './m.js';\nexport { n } from './sub/n.js';\nimport('./m.js');\n",
        "a { background: url(i//a.svg) }",
        "a { color: red }\n/*# sourceMappingURL=data:application/json;base64,e30= */",
        "a();\n//# sourceMappingURL=data:application/json;base64,e30=\n",
    ],
    "Django writes quotes around a URL that names no file": [
        "a { background: url(i/) }",
    ],
    "Django fails": [
        'a { background: url("i/a(1).svg") }',
        "a { background: url(i/a%23b.svg) }",
        "a { background: url(i/a%3Fb.svg) }",
        'a { background: url("i/a\\20 b.svg") }',
        "a { background: url(i/a\\(1\\).svg) }",
        "/* url(i/gone.svg) */ a { color: red }",
        'a { background: url("i\\\\a.svg") }',
        "a { background: url(HTTPS://example.com/a.svg) }",
        "import('m');\n",
    ],
}

EQUAL_SINCE: dict[str, tuple[int, int]] = {
    "a { color: red }\n/*# sourceMappingURL=data:application/json;base64,e30= */": (5, 2),
    "a();\n//# sourceMappingURL=data:application/json;base64,e30=\n": (5, 2),
    'a { background: url("i/a(1).svg") }': (6, 0),
    **dict.fromkeys(
        [
            "import { m } from './m.js'\n",
            "export { m } from './m.js'\n",
            "import x from './x.js.map' with { type: 'json' };\n",
            "/* url(i/a.svg) */ a { color: red }",
            "/* url(i/gone.svg) */ a { color: red }",
            'a::after { content: "url(i/a.svg)" }',
            "// import { m } from './m.js';\nconsole.log(1);\n",
            "/* import { m } from './m.js'; */\nconsole.log(1);\n",
            "const s = \"import './m.js';\";\n",
            "const s = `import './m.js';`;\n",
            "const s = `\n//# sourceMappingURL=x.js.map\n`;\n",
            "import './m.js';\nexport { n } from './sub/n.js';\nimport('./m.js');\n",
            "import('m');\n",
        ],
        (6, 1),
    ),
}
"""The releases of Django that do as hashserve does."""


class Theirs(ManifestStaticFilesStorage):
    """Django's storage, rewriting imports as hashserve does; it notes which files it fails for."""

    support_js_module_import_aggregation = True
    failed: set[str]

    def url_converter(self, name: str, *arguments: Any, **options: Any) -> Any:
        convert = super().url_converter(name, *arguments, **options)

        def noting(match: Any) -> str:
            try:
                return str(convert(match))
            except (ValueError, SuspiciousOperation):
                self.failed.add(name)
                return str(match[0])

        return noting


def put_only(site: CollectedSite, files: Mapping[str, bytes]) -> None:
    for path in SOURCE:
        (site.source / path).unlink()
    for path, content in files.items():
        put(site.source, path, content)


def names_of_django(site: CollectedSite, root: Path) -> tuple[dict[str, str], set[str]]:
    """Return the names that Django's storage gives, and the files that it fails for."""
    with override_settings(STATICFILES_DIRS=[site.source], STATIC_ROOT=str(root)):
        storage = Theirs()
        storage.failed = set()
        found = {path: (source, path) for finder in get_finders() for path, source in finder.list([])}
        for path in found:
            put(root, path, (site.source / path).read_bytes())
        for name, _, processed in storage.post_process(found):
            if isinstance(processed, Exception):
                storage.failed.add(name)
        return storage.hashed_files, storage.failed


def files_of(texts: Mapping[str, str]) -> dict[str, bytes]:
    return {**SHARED, **{path: text.encode() for path, text in texts.items()}}


def named(texts: list[str]) -> Iterator[tuple[str, str]]:
    for number, text in enumerate(texts):
        is_style = text in STYLES or any(
            mark in text for mark in ("{ background", "{ color", "::after", "@import", "@name")
        )
        yield f"{number}.{'css' if is_style else 'js'}", text


def test_names_equal_those_of_django(site: CollectedSite, tmp_path: Path) -> None:
    texts = dict(named([*STYLES, *SCRIPTS]))
    put_only(site, files_of(texts))
    theirs, failed = names_of_django(site, tmp_path / "theirs")
    site.collect(OURS)
    ours = paths_of(site.root)
    assert {texts.get(path, path) for path in failed} == set()
    assert {
        texts.get(path, path) for path in ours.keys() | theirs if ours.get(path) != theirs.get(path)
    } == set()


def test_each_difference_from_django_has_a_reason(site: CollectedSite, tmp_path: Path) -> None:
    texts = dict(named([text for group in DIFFERENT.values() for text in group]))
    put_only(site, files_of(texts))
    theirs, failed = names_of_django(site, tmp_path / "theirs")
    site.collect(OURS)
    ours = paths_of(site.root)
    still = {text for text in texts.values() if EQUAL_SINCE.get(text, (99,)) > django.VERSION}
    assert {texts[path] for path in texts if path in failed or ours[path] != theirs[path]} == still
    assert {texts[path] for path in failed} >= still.intersection(DIFFERENT["Django fails"])


def test_files_whose_names_hold_delimiters_of_urls_have_other_names(
    site: CollectedSite, tmp_path: Path
) -> None:
    """Django takes such a name for a URL, so that its name in STATIC_ROOT is that of another file."""
    put_only(site, dict.fromkeys(["a%20b.svg", "a#b.svg", "a?b.svg"], b"<svg/>"))
    theirs, _ = names_of_django(site, tmp_path / "theirs")
    site.collect(OURS)
    digest = md5(b"<svg/>", usedforsecurity=False).hexdigest()[:12]
    assert paths_of(site.root) == {
        "a%20b.svg": f"a%20b.{digest}.svg",
        "a#b.svg": f"a#b.{digest}.svg",
        "a?b.svg": f"a?b.{digest}.svg",
    }
    assert theirs == {
        "a%20b.svg": f"a b.{digest}.svg",
        "a#b.svg": f"a.{digest}#b.svg",
        "a?b.svg": f"a.{digest}?b.svg",
    }
