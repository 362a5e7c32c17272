"""Right and wrong values for every setting, as Python has them and as the command line has them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["BUILD", "CHECK", "MOUNT", "OWN", "SERVE", "Cases", "Right", "Wrong"]

A_FILE = os.path.abspath(__file__)
WHOLE = "must be a whole number, 0 or more"
TO_16 = "must be a whole number from 0 to 16"
POSITIVE = "must be a whole number, 1 or more"
NUMBER = "must be a number, 0 or more"
FLAG = "must be True or False"
PATH = "must be a path, as text, that is not empty; is a variable not set?"
STRINGS = "must be a list of strings, none of them empty"
PATTERNS = 'must have printable characters only; "?" in a pattern stands for any character'
HEADER = "must be printable ASCII text"
URL_PATH = "must be a URL path that starts and ends with a slash"
SAFE_PATH = "must be a URL path as browsers send it, without .. or a backslash"
HOOK = "must be a function of three arguments: headers, path and URL"
INDEX = 'must be True (for "index.html"), the name of a file, or None'
FALLBACK = 'must be the path of a file below the root, such as "index.html"'
CODINGS = "must be a list of br, gzip, zstd, each at most once"
SPECIFIERS = 'must map specifiers to logical paths, such as {"lit": "vendor/lit.js"}'
CHOICES = "must be one of 'rewrite', 'import-map', 'off'"
KINDS = (
    "must map kinds of files to limits in bytes; "
    "the kinds are document, style, script, font, image, media, other"
)
URL = 'must be the path of a URL, such as "/static/", or a URL'
NAN = float("nan")
FOREVER = float("inf")


def of_one(url: str) -> bool:
    """Tell whether a file never changes, by its URL alone."""
    return bool(url)


def of_two(path: str, url: str) -> bool:
    """Tell whether a file never changes."""
    return bool(url)


def of_two_or_three(path: str, url: str, more: str = "") -> bool:
    """Tell whether a file never changes."""
    return bool(more)


def of_any(*names: str) -> bool:
    """Tell whether a file never changes."""
    return len(names) == 2


def hook(fields: object, path: str, url: str) -> None:
    """Change no field."""


class Right(NamedTuple):
    """A right value, the value that is used for it, and the words of the command line that stand for it."""

    value: Any
    used: Any
    words: Sequence[str] | None = None


class Wrong(NamedTuple):
    """A wrong value, what is wrong with it, and the text of the option, if the command line can have it."""

    value: Any
    problem: str
    text: str | None = None


class Cases(NamedTuple):
    """The values of one setting."""

    right: Sequence[Right]
    wrong: Sequence[Wrong]


def flag(option: str = "") -> Cases:
    """The cases of a setting that is True or False."""
    right = [Right(True, True, [option] if option else None), Right(False, False)]
    return Cases(right, [Wrong("no", FLAG), Wrong(1, FLAG), Wrong(None, FLAG)])


def number(problem: str, right: Sequence[Any]) -> Cases:
    """The cases of a number that serving has."""
    wrong = (-1, "1", True, None, NAN, *((1.5,) if problem == WHOLE else ()))
    return Cases([Right(value, value) for value in right], [Wrong(value, problem) for value in wrong])


SERVE: Mapping[str, Cases] = {
    "max_age": Cases(
        [Right(0, 0), Right(600, 600), Right(None, None)],
        [Wrong(-1, WHOLE), Wrong("60", WHOLE), Wrong(True, WHOLE), Wrong(1.5, WHOLE)],
    ),
    "allow_all_origins": flag(),
    "charset": Cases(
        [Right("koi8-r", "koi8-r")],
        [
            Wrong("", HEADER),
            Wrong("u\r\nX: y", HEADER),
            Wrong("ü", HEADER),
            Wrong(None, HEADER),
            Wrong(7, HEADER),
        ],
    ),
    "mimetypes": Cases(
        [
            Right({".foo": "application/x-foo"}, {".foo": "application/x-foo"}),
            Right({}, {}),
            Right(None, None),
        ],
        [
            Wrong([".foo"], 'must be a dictionary, such as {".foo": "application/x-foo"}'),
            Wrong(
                {".foo": "nonsense"}, "must map extensions to media types; '.foo' does not, \".foo\" would"
            ),
            Wrong({".css": "text/css\r\nX: y"}, HEADER),
            Wrong({".css": None}, HEADER),
        ],
    ),
    "add_headers_function": Cases(
        [Right(hook, hook), Right(None, None)],
        [Wrong("add", "must be a function"), Wrong(7, "must be a function"), Wrong(of_one, HOOK)],
    ),
    "index_file": Cases(
        [Right(value, value) for value in (True, False, None, "", "default.htm")],
        [Wrong(3, INDEX), Wrong("a/b.html", INDEX), Wrong(b"index.html", INDEX)],
    ),
    "immutable_file_test": Cases(
        [
            Right(r"\.[0-9a-f]{8}\.", r"\.[0-9a-f]{8}\."),
            *(Right(test, test) for test in (max, of_two, of_any, of_two_or_three)),
            Right(None, None),
        ],
        [
            Wrong(of_one, "must be a function of two arguments: path and URL"),
            Wrong(hook, "must be a function of two arguments: path and URL"),
            Wrong(
                "(",
                "must be a regular expression over URL paths or a function: "
                "missing ), unterminated subpattern at position 0",
            ),
            Wrong(
                7,
                "must be a regular expression over URL paths or a function: first argument must be string or "
                "compiled pattern",
            ),
        ],
    ),
    "autorefresh": flag(),
    "on_unknown": Cases(
        [Right(value, value) for value in ("404", "redirect", "pass")],
        [
            Wrong(value, "must be one of '404', 'redirect', 'pass'")
            for value in ("ignore", 404, None, ["404"])
        ],
    ),
    "on_missing": Cases(
        [Right(value, value) for value in ("pass", "404")],
        [Wrong(value, "must be one of 'pass', '404'") for value in ("redirect", 404, None)],
    ),
    "spa_fallback": Cases(
        [Right("index.html", "index.html"), Right("app/index.html", "app/index.html"), Right(None, None)],
        [Wrong(value, FALLBACK) for value in ("", "/index.html", "../index.html", True)],
    ),
    "not_found_page": Cases(
        [Right("404.html", "404.html"), Right("errors/404.html", "errors/404.html"), Right(None, None)],
        [Wrong(value, FALLBACK) for value in ("", "/404.html", "../404.html", True)],
    ),
    "clean_urls": flag(),
    "follow_symlinks": flag(),
    "publish_manifest": flag(),
    "serve_deltas": flag(),
    "public_deltas": flag(),
    "nosniff": flag(),
    "url_base": Cases(
        [Right("https://cdn.example/", "https://cdn.example"), Right("", "")],
        [Wrong(None, URL), Wrong(7, URL)],
    ),
    "expires": flag(),
    "check_interval": number(NUMBER, (0, 0.5, 10)),
    "body_budget": number(WHOLE, (0, 1 << 20)),
    "largest_body": number(WHOLE, (0, 1 << 20)),
    "largest_digested": number(WHOLE, (0, 8 << 20)),
    "memo_size": number(WHOLE, (0, 100)),
    "preload": flag(),
    "counters": flag(),
}

MOUNT: Mapping[str, Cases] = {
    "root": Cases(
        [Right("/srv/nowhere", "/srv/nowhere"), Right(Path("/srv/nowhere"), "/srv/nowhere")],
        [
            Wrong("", PATH),
            Wrong(b"/srv", PATH),
            Wrong(7, PATH),
            Wrong(A_FILE, "is a file; name the folder that it is in"),
        ],
    ),
    "prefix": Cases(
        [Right("/s/", "/s/"), Right("https://cdn.example/s/", "https://cdn.example/s/"), Right(None, None)],
        [Wrong(7, URL), Wrong(b"/s/", URL), Wrong("http://[", "is not a URL: Invalid IPv6 URL")],
    ),
    "manifest": Cases(
        [
            Right("manifest.json", "manifest.json"),
            Right(Path("manifest.json"), "manifest.json"),
            Right(None, None),
        ],
        [Wrong("", PATH), Wrong(7, PATH)],
    ),
}

BUILD: Mapping[str, Cases] = {
    "prefix": Cases(
        [
            Right(value, value, ["--prefix", value])
            for value in ("/", "/static/", "/a/b/", "/schön/", "/.hidden/")
        ],
        [
            Wrong("nonsense", URL_PATH, "nonsense"),
            Wrong("/static", URL_PATH, "/static"),
            Wrong("static/", URL_PATH, "static/"),
            Wrong("", URL_PATH, ""),
            Wrong("https://example.com/static/", URL_PATH, "https://example.com/static/"),
            Wrong("/a//b/", URL_PATH, "/a//b/"),
            Wrong("/a\\b/", SAFE_PATH, "/a\\b/"),
            Wrong("/line\nbreak/", SAFE_PATH, "/line\nbreak/"),
            Wrong("/a/../b/", SAFE_PATH, "/a/../b/"),
            Wrong(None, URL_PATH),
        ],
    ),
    "ignore": Cases(
        [Right(["*.bak"], ("*.bak",)), Right((), ())],
        [Wrong("*.bak", STRINGS), Wrong({"*.bak": 1}, STRINGS), Wrong(7, STRINGS), Wrong(("",), STRINGS, "")],
    ),
    "follow_symlinks": flag("--follow-symlinks"),
    "codings": Cases(
        [
            Right(["br", "zstd"], ("br", "zstd"), ["--codings", "br,zstd"]),
            Right((), (), ["--codings", ""]),
        ],
        [
            Wrong("br", STRINGS),
            Wrong(7, STRINGS),
            Wrong(("br", "foo"), CODINGS, "br,foo"),
            Wrong(("br", "br"), CODINGS, "br,br"),
        ],
    ),
    "skip_compress": Cases(
        [Right([".PNG", "jpg"], ("png", "jpg")), Right(None, None)],
        [
            Wrong("jpg", STRINGS),
            Wrong(["."], 'must be a list of extensions, such as "jpg"'),
            Wrong(["a\x01"], 'must be a list of extensions, such as "jpg"'),
        ],
    ),
    "digest": Cases(
        [Right("sha256", "sha256", ["--digest", "sha256"])],
        [
            Wrong("", "must be a string that is not empty", ""),
            Wrong("md17", 'is not a digest of hashlib; "md5" and "sha256" are', "md17"),
            Wrong("shake_128", 'has no fixed length; "md5" and "sha256" have', "shake_128"),
            Wrong(7, "must be a string that is not empty"),
        ],
    ),
    "digest_length": Cases(
        [Right(8, 8, ["--digest-length", "8"]), Right(32, 32, ["--digest-length=32"])],
        [
            Wrong(4, "must be from 8 to 32, the length of md5", "4"),
            Wrong(33, "must be from 8 to 32, the length of md5", "33"),
            Wrong(0, POSITIVE, "0"),
            Wrong("many", POSITIVE, "many"),
            Wrong(12.5, POSITIVE, "12.5"),
        ],
    ),
    "js_references": Cases(
        [Right(value, value, ["--js-references", value]) for value in ("rewrite", "import-map", "off")],
        [Wrong("on", CHOICES, "on"), Wrong(False, CHOICES)],
    ),
    "import_map": Cases(
        [
            Right("map.json", "map.json", ["--import-map", "map.json"]),
            Right(Path("map.json"), "map.json"),
            Right(None, None),
        ],
        [Wrong("", PATH, ""), Wrong(7, PATH)],
    ),
    "import_map_bare": Cases(
        [
            Right({}, {}),
            Right(
                {"lit": "lit.js", "three": "three.js"},
                {"lit": "lit.js", "three": "three.js"},
                ["--bare", "lit=lit.js", "--bare", "three=three.js"],
            ),
        ],
        [
            Wrong({"lit/": "x"}, SPECIFIERS, "lit/=x"),
            Wrong({"lit": ""}, SPECIFIERS, "lit="),
            Wrong({"": "x"}, SPECIFIERS, "=x"),
            Wrong(["lit"], SPECIFIERS),
        ],
    ),
    "import_map_entries": Cases(
        [
            Right(
                ["a.js", "lit"], ("a.js", "lit"), ["--import-map-entry", "a.js", "--import-map-entry", "lit"]
            )
        ],
        [Wrong("a.js", STRINGS), Wrong(("",), STRINGS, ""), Wrong(7, STRINGS)],
    ),
    "already_hashed": Cases(
        [Right(["a/*", "b/*"], ("a/*", "b/*"), ["--already-hashed", "a/*", "--already-hashed", "b/*"])],
        [Wrong("a/*", STRINGS), Wrong(("",), STRINGS, ""), Wrong(7, STRINGS)],
    ),
    "bundler_manifests": Cases(
        [
            Right(["a.json"], ("a.json",), ["--bundler-manifest", "a.json"]),
            Right([Path("a.json")], ("a.json",)),
        ],
        [
            Wrong("a.json", "must be a list of paths"),
            Wrong(("",), PATH, ""),
            Wrong(7, "must be a list of paths"),
        ],
    ),
    "html": flag("--html"),
    "leave_references": Cases(
        [Right(["a/*", "b/*"], ("a/*", "b/*"), ["--leave-references", "a/*", "--leave-references", "b/*"])],
        [
            Wrong(("a\nb",), PATTERNS, "a\nb"),
            Wrong("a/*", STRINGS),
            Wrong(("",), STRINGS, ""),
            Wrong(7, STRINGS),
        ],
    ),
    "rewrite_unhashed": flag("--rewrite-unhashed"),
    "accept": Cases(
        [
            Right(
                ["lost", "missing-reference:a/*"],
                ("lost", "missing-reference:a/*"),
                ["--accept", "lost", "--accept", "missing-reference:a/*"],
            )
        ],
        [Wrong("lost", STRINGS), Wrong(("",), STRINGS, ""), Wrong(7, STRINGS)],
    ),
    "strict": flag("--strict"),
    "deltas": Cases(
        [Right(0, 0, ["--deltas", "0"]), Right(16, 16, ["--deltas=16"])],
        [
            Wrong(-1, TO_16, "-1"),
            Wrong(17, TO_16, "17"),
            Wrong("x", TO_16, "x"),
            Wrong(1.5, TO_16, "1.5"),
            Wrong(True, TO_16),
        ],
    ),
    "keep": Cases(
        [Right(1, 1, ["--keep", "1"])],
        [
            Wrong(0, POSITIVE, "0"),
            Wrong("x", POSITIVE, "x"),
            Wrong(1.5, POSITIVE, "1.5"),
            Wrong(True, POSITIVE),
        ],
    ),
    "keep_days": Cases(
        [
            Right(0, 0, ["--keep-days", "0"]),
            Right(1.5, 1.5, ["--keep-days=1.5"]),
            Right(FOREVER, FOREVER, ["--keep-days", "inf"]),
        ],
        [
            Wrong(-1, NUMBER, "-1"),
            Wrong(NAN, NUMBER, "nan"),
            Wrong("month", NUMBER, "month"),
            Wrong(True, NUMBER),
        ],
    ),
    "previous": Cases(
        [
            Right(
                "https://a.example/static/",
                "https://a.example/static/",
                ["--previous=https://a.example/static/"],
            ),
            Right(Path("/srv"), "/srv"),
            Right(None, None),
        ],
        [Wrong("", PATH, ""), Wrong(7, PATH)],
    ),
    "require_previous": Cases([Right(False, False)], [Wrong("no", FLAG), Wrong(0, FLAG)]),
    "previous_timeout": Cases(
        [
            Right(600, 600, ["--previous-timeout=600"]),
            Right(1.5, 1.5, ["--previous-timeout", "1.5"]),
            Right(FOREVER, FOREVER, ["--previous-timeout=inf"]),
        ],
        [Wrong(-1, NUMBER, "-1"), Wrong(NAN, NUMBER, "nan"), Wrong("hour", NUMBER, "hour")],
    ),
    "previous_bytes": Cases(
        [Right(1, 1, ["--previous-bytes=1"]), Right(10**12, 10**12, ["--previous-bytes", "1000000000000"])],
        [Wrong(0, POSITIVE, "0"), Wrong(1.5, POSITIVE, "1.5"), Wrong("2 GB", POSITIVE, "2 GB")],
    ),
    "cache": Cases(
        [
            Right("/srv/cache", "/srv/cache", ["--cache", "/srv/cache"]),
            Right(Path("/srv/cache"), "/srv/cache"),
            Right(None, None),
        ],
        [
            Wrong("", PATH, ""),
            Wrong(A_FILE, "is a file; name the folder that it is in", A_FILE),
            Wrong(7, PATH),
        ],
    ),
    "wait": Cases(
        [Right(0, 0, ["--wait", "0"]), Right(2.5, 2.5, ["--wait=2.5"]), Right(600.0, 600.0, ["--wait"])],
        [Wrong(-1, NUMBER, "-1"), Wrong(NAN, NUMBER, "nan"), Wrong("long", NUMBER), Wrong(True, NUMBER)],
    ),
}

CHECK: Mapping[str, Cases] = {
    "max_sizes": Cases(
        [
            Right({}, {}),
            Right({"script": 300_000}, {"script": 300_000}, ["--max-size", "script=300k"]),
            Right(
                {"font": None, "style": 2},
                {"font": None, "style": 2},
                ["--max-size", "font=off", "--max-size=style=2"],
            ),
        ],
        [
            Wrong({"scripts": 3}, KINDS, "scripts=3"),
            Wrong({"script": -1}, WHOLE),
            Wrong({"script": "3"}, WHOLE),
            Wrong(["script"], KINDS),
        ],
    ),
    "prefix": Cases(
        [Right("/a/", "/a/", ["--prefix", "/a/"]), Right(None, None)],
        [
            Wrong("nonsense", URL_PATH, "nonsense"),
            Wrong("/a/../b/", SAFE_PATH, "/a/../b/"),
            Wrong(7, URL_PATH),
        ],
    ),
    "js_references": BUILD["js_references"],
    "html": flag("--html"),
    "accept": Cases(
        [
            Right(
                ["oversize", "reference-missing:a/*"],
                ("oversize", "reference-missing:a/*"),
                ["--accept", "oversize", "--accept", "reference-missing:a/*"],
            )
        ],
        [Wrong("oversize", STRINGS), Wrong(("",), STRINGS, ""), Wrong(7, STRINGS)],
    ),
    "baseline": Cases(
        [
            Right("known.json", "known.json", ["--baseline", "known.json"]),
            Right(Path("known.json"), "known.json"),
            Right(None, None),
        ],
        [Wrong("", PATH, ""), Wrong(7, PATH)],
    ),
    "threads": Cases(
        [Right(1, 1), Right(None, None)], [Wrong(0, POSITIVE), Wrong("2", POSITIVE), Wrong(True, POSITIVE)]
    ),
}

DOTTED = 'must be a function, or the dotted path of one, such as "site.headers.add"'

OWN: Mapping[str, Cases] = {
    "add_headers_function": Cases(
        [Right(hook, hook), Right("builtins.print", "builtins.print"), Right(None, None)],
        [Wrong("add", DOTTED), Wrong(7, DOTTED)],
    ),
    "use_finders": flag(),
    "root": Cases(
        [Right(Path("/srv/nowhere"), "/srv/nowhere"), Right("", None), Right(None, None)],
        [Wrong(A_FILE, "is a file; name the folder that it is in"), Wrong(b"/srv", PATH), Wrong(7, PATH)],
    ),
    "prefix": Cases(
        [Right("assets", "/assets/"), Right("https://cdn.example/a/b", "/a/b/"), Right("/", "/")],
        [Wrong("", URL), Wrong(None, URL), Wrong(7, URL)],
    ),
    "manifest": MOUNT["manifest"],
    "keep_only_hashed_files": flag(),
    "manifest_strict": Cases(
        [Right(True, True), Right(False, False), Right(None, None)], [Wrong("no", FLAG), Wrong(0, FLAG)]
    ),
    "import_map_bare": Cases(
        [Right({"lit": "lit.js"}, {"lit": "lit.js"}), Right(None, None)],
        [Wrong({"lit/": "x"}, SPECIFIERS), Wrong(["lit"], SPECIFIERS)],
    ),
    "import_map_entries": Cases(
        [Right([], ()), Right(["a.js", "lit"], ("a.js", "lit"))],
        [Wrong("a.js", STRINGS), Wrong(("",), STRINGS), Wrong(7, STRINGS)],
    ),
    "cache": Cases(
        [Right("default", "default")],
        [
            Wrong("nowhere", "is not a cache of this project; CACHES has default"),
            Wrong(None, "is not a cache of this project; CACHES has default"),
        ],
    ),
    "site": Cases(
        [Right("a.example", "a.example")],
        [Wrong("", "must be a string that is not empty"), Wrong(7, "must be a string that is not empty")],
    ),
    "pointer_interval": number(NUMBER, (0, 0.5, 10)),
    "publish_names": flag(),
}
