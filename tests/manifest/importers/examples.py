"""Manifests of other tools, shortened, that the tests of their importers share."""

from __future__ import annotations

import json
from pathlib import Path

MD5 = "5d41402abc4b2a76b9719d911017c592"
OLD_MD5 = "7d793037a0760186574b0282f2f435e7"
SHA256 = "98e1338739274255c5701c94dcc13188bae0cba885e8b5f6596ce13e01a802ed"
BASE64 = "mOEzhzknQlXFcByU3MExiLrgy6iF6LX2WWzhPgGoAu0="

VITE = {
    "_shared-ByledO34.js": {
        "file": "assets/shared-ByledO34.js",
        "name": "shared",
        "css": ["assets/shared-K9x_q-LT.css"],
    },
    "_shared-K9x_q-LT.css": {"file": "assets/shared-K9x_q-LT.css", "src": "_shared-K9x_q-LT.css"},
    "logo.svg": {"file": "assets/logo-KUi-Kf8Z.svg", "src": "logo.svg"},
    "lazy.js": {"file": "assets/lazy-DBarRBqV.js", "name": "lazy", "src": "lazy.js", "isDynamicEntry": True},
    "pages/home.ts": {
        "file": "assets/home-FlIc6nNt.js",
        "name": "home",
        "src": "pages/home.ts",
        "isEntry": True,
        "imports": ["_shared-ByledO34.js"],
        "dynamicImports": ["lazy.js"],
        "css": ["assets/home-7QkZrW-m.css"],
        "assets": ["assets/logo-KUi-Kf8Z.svg"],
    },
}

PHOENIX = {
    "version": 1,
    "latest": {"css/app.css": f"css/app-{MD5}.css", "robots.txt": "robots.txt"},
    "digests": {
        f"css/app-{MD5}.css": {
            "logical_path": "css/app.css",
            "mtime": 63700000000,
            "size": 10,
            "digest": MD5,
            "sha512": "...",
        },
        f"css/app-{OLD_MD5}.css": {
            "logical_path": "css/app.css",
            "mtime": 63600000000,
            "size": 9,
            "digest": OLD_MD5,
            "sha512": "...",
        },
    },
}

SPROCKETS = {
    "files": {
        f"application-{SHA256}.js": {
            "logical_path": "application.js",
            "mtime": "2025-11-22T06:36:52+00:00",
            "size": 148,
            "digest": SHA256,
            "integrity": f"sha256-{BASE64}",
        },
        f"application-{MD5}.js": {
            "logical_path": "application.js",
            "mtime": "2024-11-22T06:36:52+00:00",
            "size": 140,
            "digest": MD5,
        },
    },
    "assets": {"application.js": f"application-{SHA256}.js"},
}

WEBPACK = {
    "main.css": "/static/css/main.254f8494.css",
    "main.js": "/static/js/main.6b8b69adc2771fb8d69f.js",
    "js/480.js": "/static/js/480.fe16af9c79a68c683b66.js",
    "logo.png": "/static/44f4ac0463c3ce7ca14b.png",
    "main.js.map": "/static/js/main.6b8b69adc2771fb8d69f.js.map",
    "index.html": "/static/index.html",
}


def write(folder: Path, name: str, document: object) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return path


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
