"""Fingerprinted files: named by their content and by what they refer to."""

from __future__ import annotations

from hashlib import md5
from pathlib import Path

import pytest

from hashserve.builder import build
from tests.support.building import CSS, DOT, manifest_of, put_site
from tests.support.files import put


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return put_site(tmp_path / "source")


def test_a_file_without_references_is_named_as_django_names_it(source: Path, out: Path) -> None:
    build(source, out)
    token = md5(DOT).hexdigest()[:12]
    assert manifest_of(out).paths["img/dot.svg"] == f"img/dot.{token}.svg"
    assert (out / f"img/dot.{token}.svg").read_bytes() == DOT


def test_a_reference_is_rewritten_and_the_rest_of_the_file_is_not(source: Path, out: Path) -> None:
    build(source, out)
    paths = manifest_of(out).paths
    expected = CSS.replace(b"../img/dot.svg", b"../" + paths["img/dot.svg"].encode())
    assert (out / paths["css/app.css"]).read_bytes() == expected
    assert (out / "css/app.css").read_bytes() == CSS


def test_the_references_of_a_file_can_be_left_as_they_are(source: Path, out: Path) -> None:
    put(source, "css/other.css", b'@import "app.css"; a { background: url(../img/dot.svg) }')
    report = build(source, out, leave_references=["css/app.*", "*.nothing"])
    manifest = manifest_of(out)
    path = manifest.paths["css/app.css"]
    assert (out / path).read_bytes() == (out / "css/app.css").read_bytes() == CSS
    assert path != "css/app.css"
    assert path.startswith("css/")  # its relative references name the unhashed files
    assert path.rpartition("/")[2].encode() in (out / manifest.paths["css/other.css"]).read_bytes()
    assert manifest.leave_references == ("css/app.*", "*.nothing")
    assert report.warnings == []


def test_a_changed_leaf_renames_what_refers_to_it_and_nothing_else(source: Path, out: Path) -> None:
    build(source, out)
    before = manifest_of(out).paths
    put(source, "img/dot.svg", DOT + b"<!-- changed -->")
    build(source, out)
    after = manifest_of(out).paths
    assert {path for path in before if before[path] != after[path]} == {"css/app.css", "img/dot.svg"}
