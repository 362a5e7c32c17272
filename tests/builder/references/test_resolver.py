from __future__ import annotations

import pytest

from hashserve.builder.references.reference import Reference, ReferenceKind
from hashserve.builder.references.resolver import External, Internal, Missing, Resolver

PATHS = {
    "css/app.css",
    "css/a b.png",
    "css/100%.png",
    "css/a:b.png",
    "fonts/f.eot",
    "img/é.png",
    "img/q?.png",
    "img/it's (1).png",
    "js/app.js",
    "js/lib/x.js",
    "root.png",
}

INTERNAL = [
    # target, logical path, suffix
    ("../fonts/f.eot?#iefix", "fonts/f.eot", "?#iefix"),
    ("../fonts/f.eot#f", "fonts/f.eot", "#f"),
    ("../fonts/f.eot?a=../b/c#d?e", "fonts/f.eot", "?a=../b/c#d?e"),
    ("./app.css", "css/app.css", ""),
    ("app.css", "css/app.css", ""),
    ("x/../app.css", "css/app.css", ""),
    ("./../css/../css/app.css", "css/app.css", ""),
    ("%2E%2e/root.png", "root.png", ""),
    (".%2e/root.png", "root.png", ""),
    ("a%20b.png", "css/a b.png", ""),
    ("a b.png", "css/a b.png", ""),
    ("100%25.png", "css/100%.png", ""),
    ("100%.png", "css/100%.png", ""),
    ("./a:b.png", "css/a:b.png", ""),
    ("../img/é.png", "img/é.png", ""),
    ("../img/%C3%A9.png", "img/é.png", ""),
    ("../img/q%3F.png?v=1", "img/q?.png", "?v=1"),
    ("..\\img\\é.png", "img/é.png", ""),
    (" ../root.png\n", "root.png", ""),
    ("../ro\not.png", "root.png", ""),
    ("/static/root.png", "root.png", ""),
    ("/static/css/../root.png", "root.png", ""),
    ("../../static/root.png", "root.png", ""),
    ("../../../../static/root.png", "root.png", ""),
]  # fmt: skip

EXTERNAL = [
    "http://example.com/a.png",
    "HTTPS://example.com/static/root.png",
    "//example.com/static/root.png",
    "\\\\example.com\\root.png",
    "data:image/png;base64,AAAA",
    "blob:x",
    "about:blank",
    "a:b.png",
    "#frag",
    "?query",
    "/media/a.png",
    "/statics/root.png",
    "/",
    "/static/",
    "/static",
    "../../media/a.png",
    ".",
    "./",
    "..",
    "../img/",
    "../img/%2e",
    " ",
]

MISSING = [
    ("none.png", "css/none.png"),
    ("../img/none.png?x", "img/none.png"),
    ("/static/none.png", "none.png"),
    ("APP.css", "css/APP.css"),
    ("..%2Froot.png", "css/..%2Froot.png"),
    ("../img/%E9.png", "img/\udce9.png"),
    ("../img//é.png", "img//é.png"),
    ("app.css/x", "css/app.css/x"),
]


def reference_to(target: str, kind: ReferenceKind = ReferenceKind.CSS_URL) -> Reference:
    return Reference(start=0, end=0, target=target, kind=kind, delimiter="'")


@pytest.mark.parametrize(("target", "logical_path", "suffix"), INTERNAL)
def test_a_url_of_the_tree_is_the_file_it_names(target: str, logical_path: str, suffix: str) -> None:
    found = Resolver(PATHS, prefix="/static/").resolve(reference_to(target), "css/app.css")
    assert isinstance(found, Internal)
    assert (found.logical_path, found.suffix) == (logical_path, suffix)


@pytest.mark.parametrize("target", EXTERNAL)
def test_a_url_outside_of_the_tree_is_external(target: str) -> None:
    found = Resolver(PATHS, prefix="/static/").resolve(reference_to(target), "css/app.css")
    assert found == External()


@pytest.mark.parametrize(("target", "logical_path"), MISSING)
def test_a_url_of_the_tree_that_names_nothing_is_missing(target: str, logical_path: str) -> None:
    found = Resolver(PATHS, prefix="/static/").resolve(reference_to(target), "css/app.css")
    assert found == Missing(logical_path=logical_path)


@pytest.mark.parametrize("target", ["/root.png", "/static/root.png", "../../root.png", "../../css/app.css"])
def test_without_a_prefix_nothing_above_the_tree_is_known(target: str) -> None:
    assert Resolver(PATHS).resolve(reference_to(target), "css/app.css") == External()


def test_without_a_prefix_relative_urls_still_resolve() -> None:
    found = Resolver(PATHS).resolve(reference_to("../root.png"), "css/app.css")
    assert found == Internal(logical_path="root.png", directory="../")


@pytest.mark.parametrize(
    ("prefix", "target", "is_internal"),
    [
        ("/", "/root.png", True),
        ("/", "../../root.png", True),
        ("/st%20atic/", "/st atic/root.png", True),
        ("https://cdn.example/s/", "https://CDN.example/s/root.png", True),
        ("https://cdn.example/s/", "//cdn.example/s/root.png", True),
        ("//cdn.example/s/", "https://cdn.example/s/root.png", True),
        ("https://cdn.example/s/", "/s/root.png", True),
        ("https://cdn.example/s/", "http://cdn.example/s/root.png", False),
        ("https://cdn.example/s/", "https://cdn.example/root.png", False),
        ("https://cdn.example/s/", "https://example.com/s/root.png", False),
        ("https://cdn.example/s/", "https://cdn.example", False),
    ],
)
def test_the_prefix_decides_which_absolute_urls_are_of_the_tree(
    prefix: str, target: str, is_internal: bool
) -> None:
    found = Resolver(PATHS, prefix=prefix).resolve(reference_to(target), "css/app.css")
    assert isinstance(found, Internal) is is_internal


@pytest.mark.parametrize(
    ("target", "kind", "expected"),
    [
        ("lib/x.js", ReferenceKind.JS_IMPORT, External()),
        ("three", ReferenceKind.JS_DYNAMIC_IMPORT, External()),
        ("@scope/x", ReferenceKind.JS_EXPORT, External()),
        ("./lib/x.js", ReferenceKind.JS_IMPORT, Internal(logical_path="js/lib/x.js", directory="./lib/")),
        ("./lib/x", ReferenceKind.JS_IMPORT, Missing(logical_path="js/lib/x")),
        ("/static/js/app.js", ReferenceKind.JS_RESOLVE,
         Internal(logical_path="js/app.js", directory="/static/js/")),
        ("lib/x.js", ReferenceKind.JS_URL, Internal(logical_path="js/lib/x.js", directory="lib/")),
        ("lib/x.js", ReferenceKind.JS_IMPORT_SCRIPTS, Internal(logical_path="js/lib/x.js", directory="lib/")),
        ("lib/x.js", ReferenceKind.JS_WORKER, External()),
        ("./none.js", ReferenceKind.JS_WORKER, External()),
        ("/static/js/app.js", ReferenceKind.JS_WORKER,
         Internal(logical_path="js/app.js", directory="/static/js/")),
    ],
)  # fmt: skip
def test_the_kind_decides_what_a_url_is_relative_to(
    target: str, kind: ReferenceKind, expected: Internal | External | Missing
) -> None:
    assert Resolver(PATHS, prefix="/static/").resolve(reference_to(target, kind), "js/app.js") == expected


@pytest.mark.parametrize(
    ("target", "path", "url"),
    [
        ("../fonts/f.eot?#iefix", "fonts/f.0123456789ab.eot", "../fonts/f.0123456789ab.eot?#iefix"),
        ("app.css", "css/app.0123456789ab.css", "app.0123456789ab.css"),
        ("./a:b.png", "css/a:b.01.png", "./a%3Ab.01.png"),
        ("a%3Ab.png", "css/a:b.01.png", "a%3Ab.01.png"),
        ("..\\root.png", "root.01.png", "../root.01.png"),
        ("/static/css/100%25.png", "css/100%.01.png", "/static/css/100%25.01.png"),
        ("../img/q%3F.png?v", "img/q?.01.png", "../img/q%3F.01.png?v"),
        ("../img/it's (1).png", "img/it's (1).01.png", "../img/it%27s%20%281%29.01.png"),
        ("../img/é.png", "img/é.01.png", "../img/%C3%A9.01.png"),
        ("../ro\tot.png", "root.01.png", "../root.01.png"),
    ],
)
def test_the_new_url_differs_only_in_its_last_segment(target: str, path: str, url: str) -> None:
    found = Resolver(PATHS, prefix="/static/").resolve(reference_to(target), "css/app.css")
    assert isinstance(found, Internal)
    assert found.url(path) == url


def test_a_name_that_is_not_utf_8_is_encoded_byte_by_byte() -> None:
    internal = Internal(logical_path="\udce9.png")
    assert internal.url("\udce9.01.png") == "%E9.01.png"
