from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.files import put


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    put(folder, "app.css", b"body { background: url(img/dot.svg) }\n" * 20)
    put(folder, "img/dot.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    put(folder, "js/app.js", b"import './leaf.js';\n")
    put(folder, "js/leaf.js", b"export const leaf = 1;\n")
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"
