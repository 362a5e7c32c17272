"""Files under their own names, and what is named as a variant of them."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from hashserve import BuildError, HashServe
from hashserve.builder import BuildReport, BuildSettings, build
from hashserve.builder.pipeline import build_files
from hashserve.builder.sources.tree import SourceFile
from hashserve.check import CheckSettings, check
from hashserve.digests import digest_of
from hashserve.http.codings import CODINGS
from hashserve.manifest.schema import Unhashed
from tests.support.building import contents, manifest_of, put_texts, snapshot, wrong_files
from tests.support.client import request, wrapped_application
from tests.support.files import put


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return put_texts(tmp_path / "source")


def test_a_stale_variant_in_the_source_does_not_replace_the_real_one(source: Path, out: Path) -> None:
    put(source, "a.txt.gz", b"not even gzip")
    report = build(source, out)
    assert [finding.kind for finding in report.warnings] == ["variant-name"]
    server = HashServe(wrapped_application, root=out)
    assert request(server, "/static/a.txt", accept_encoding="gzip")["Content-Encoding"] == "gzip"
    assert request(server, f"/static/{manifest_of(out).paths['a.txt.gz']}").body == b"not even gzip"
    assert not wrong_files(out)
    before = snapshot(out)
    build(source, out)
    assert snapshot(out) == before


def test_a_right_variant_in_the_source_is_not_reported(source: Path, out: Path) -> None:
    build(source, out)
    put(source, "a.txt.gz", (out / "a.txt.gz").read_bytes())
    assert build(source, out).warnings == []


def test_a_variant_named_file_is_published_where_there_is_no_variant(source: Path, out: Path) -> None:
    put(source, "tiny.txt", b"tiny")
    put(source, "tiny.txt.gz", b"not gzip")
    build(source, out)
    assert (out / "tiny.txt.gz").read_bytes() == b"not gzip"


def test_precompressed_files_beside_a_bundlers_own_do_not_displace_the_variants_of_the_manifest(
    source: Path, out: Path
) -> None:
    put(source, "assets/app-DiwrgTda.js", b"export const number = 1;\n" * 40)
    put(source, "assets/app-DiwrgTda.js.gz", b"stale")
    build(source, out, BuildSettings(already_hashed=("assets/*",)))
    assert manifest_of(out).paths["assets/app.js"] == "assets/app-DiwrgTda.js"
    assert not wrong_files(out)


def test_a_variant_of_an_unhashed_file_is_removed_when_it_is_no_longer_worth_it(
    source: Path, out: Path
) -> None:
    build(source, out)
    assert (out / "css/app.css.br").exists()
    put(source, "css/app.css", b"a {}")
    build(source, out)
    assert not (out / "css/app.css.br").exists()
    assert not (out / "css/app.css.gz").exists()
    server = HashServe(lambda environ, start_response: [], root=out)
    assert request(server, "/static/css/app.css", accept_encoding="br").body == b"a {}"


@pytest.mark.parametrize("content", [b"a { color: red }", b"a { background: url(../a.txt) }\n" * 30])
def test_the_unhashed_files_of_a_build_that_fails_late_are_those_of_the_release_in_force(
    content: bytes, source: Path, out: Path, tmp_path: Path
) -> None:
    build(source, out)
    before = contents(out)
    put(source, "css/app.css", content)
    with pytest.raises(BuildError, match="cannot be written"):
        build(source, out, BuildSettings(import_map=str(tmp_path / "nowhere/map.json")))
    assert {path: contents(out)[path] for path in before} == before


# Files with references


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A source of modules that refer to each other, with a style sheet and a page."""
    folder = tmp_path / "modules"
    put(folder, "app.js", b"import { count } from './store.js';\ncount(1);\n" * 20)
    put(folder, "store.js", b"import './app.js';\nexport const count = (n) => n;\n" * 20)
    put(folder, "app.css", b"a { background: url(dot.svg) }\n" * 20)
    put(folder, "dot.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    put(folder, "index.html", b"<script type=module src=app.js></script>\n" * 20)
    return folder


def forms(out: Path, path: str) -> dict[str, bytes]:
    """Return what a file and its variants decode to."""
    found = {"identity": (out / path).read_bytes()}
    for name, coding in CODINGS.items():
        if (out / (path + coding.suffix)).exists():
            found[name] = b"".join(coding.decode([(out / (path + coding.suffix)).read_bytes()]))
    return found


def test_an_unhashed_file_and_its_variants_keep_the_bytes_of_the_source(modules: Path, out: Path) -> None:
    build(modules, out)
    paths = manifest_of(out).paths
    for path in ("app.js", "store.js", "app.css", "index.html"):
        original = (modules / path).read_bytes()
        assert forms(out, path) == {"identity": original, "br": original, "gzip": original}
    for path, target in {"app.js": "store.js", "store.js": "app.js", "app.css": "dot.svg"}.items():
        rewritten = (modules / path).read_bytes().replace(target.encode(), paths[target].encode())
        assert set(forms(out, paths[path]).values()) == {rewritten}
    assert check(out).findings == ()


def test_the_manifest_states_what_an_unhashed_file_holds_if_it_is_not_its_fingerprinted_form(
    modules: Path, out: Path
) -> None:
    build(modules, out)
    manifest = manifest_of(out)
    assert manifest.unhashed == "original"
    assert set(manifest.unhashed_files or ()) == {"app.js", "store.js", "app.css"}
    record = manifest.unhashed_record("app.js")
    assert record is not None
    assert record.sha256 == digest_of([(modules / "app.js").read_bytes()])
    assert record.variants == {
        coding: (out / f"app.js{CODINGS[coding].suffix}").stat().st_size for coding in ("br", "gzip")
    }
    assert manifest.unhashed_record("dot.svg") is None


def test_a_page_is_rewritten_under_its_own_name_too(modules: Path, out: Path) -> None:
    build(modules, out, html=True)
    paths = manifest_of(out).paths
    expected = (modules / "index.html").read_bytes().replace(b"app.js", paths["app.js"].encode())
    assert set(forms(out, "index.html").values()) == {expected}
    assert (out / "app.js").read_bytes() == (modules / "app.js").read_bytes()
    assert check(out, CheckSettings(html=True)).findings == ()


def test_unhashed_files_can_be_rewritten_too(modules: Path, out: Path) -> None:
    build(modules, out, rewrite_unhashed=True)
    paths = manifest_of(out).paths
    for path in ("app.js", "store.js", "app.css"):
        assert forms(out, path) == forms(out, paths[path])
    assert manifest_of(out).unhashed == "rewritten"
    assert check(out).findings == ()


def test_a_content_that_differs_is_compressed_once_and_a_rebuild_touches_nothing(
    modules: Path, out: Path
) -> None:
    for copy in ("copy.css", "other/dot.svg"):
        put(modules, copy, (modules / copy.rpartition("/")[2].replace("copy", "app")).read_bytes())
    assert build(modules, out, codings=("br",)).compressed == 3 * 2 + 2  # the others have one content
    before = snapshot(out)
    report = build(modules, out, codings=("br",))
    assert (report.compressed, report.written) == (0, 0)
    assert snapshot(out) == before


def test_a_variant_that_an_original_is_not_worth_is_not_made_again(modules: Path, out: Path) -> None:
    put(modules, "tiny.css", b"a { background: url(dot.svg) } /* too short for a variant of it */")
    assert build(modules, out).compressed
    assert not (out / "tiny.css.br").exists()
    assert build(modules, out).compressed == 0


def test_an_output_of_the_version_before_gets_the_bytes_of_the_source(modules: Path, out: Path) -> None:
    put(modules, "short.css", b"a { background: url(dot.svg) }\n" * 3)
    build(modules, out, rewrite_unhashed=True)
    assert (out / "short.css.br").exists()  # the rewritten content is longer
    report = build(modules, out)
    assert forms(out, "short.css") == {"identity": (modules / "short.css").read_bytes()}
    assert set(forms(out, "app.js").values()) == {(modules / "app.js").read_bytes()}
    assert check(out).findings == ()
    assert report.compressed == (3 + 1) * 2
    fresh = out.parent / "fresh"
    build(modules, fresh)
    assert contents(fresh).keys() == contents(out).keys()


def test_the_variants_of_originals_are_copied_from_the_previous_release(
    modules: Path, out: Path, tmp_path: Path
) -> None:
    build(modules, tmp_path / "first")
    assert build(modules, out, previous=str(tmp_path / "first")).compressed == 0
    assert forms(out, "app.js").keys() == {"identity", "br", "gzip"}


def test_an_original_is_served_with_validators_of_its_own(modules: Path, out: Path) -> None:
    build(modules, out)
    server = HashServe(wrapped_application, root=out)
    path = manifest_of(out).paths["app.js"]
    for coding in ("identity", "br", "gzip"):
        own = request(server, "/static/app.js", accept_encoding=coding)
        assert own["Content-Encoding" if coding != "identity" else "ETag"]
        assert own["ETag"] != request(server, f"/static/{path}", accept_encoding=coding)["ETag"]
    assert request(server, "/static/app.js").body == (modules / "app.js").read_bytes()


def test_a_right_variant_of_an_original_in_the_source_is_not_reported(modules: Path, out: Path) -> None:
    put(modules, "app.js.gz", gzip.compress((modules / "app.js").read_bytes()))
    assert build(modules, out).warnings == []
    put(modules, "app.js.gz", gzip.compress(b"of an older version"))
    assert [finding.kind for finding in build(modules, out).warnings] == ["variant-name"]
    assert forms(out, "app.js")["gzip"] == (modules / "app.js").read_bytes()
    assert "unhashed-differs" not in {finding.rule for finding in check(out).findings}


# Files that a framework has collected in the output


def build_collected(out: Path, unhashed: Unhashed, *paths: str) -> BuildReport:
    """Build files of the output, as a framework does that has put them there."""
    files = [SourceFile(logical_path=path, location=str(out / path)) for path in sorted(paths)]
    return build_files(files, out, BuildSettings(), kept={}, unhashed=unhashed)[0]


def test_the_variants_of_an_original_are_not_made_where_the_source_has_one(out: Path) -> None:
    put_texts(out)
    coded = gzip.compress((out / "css/app.css").read_bytes(), 1)
    put(out, "css/app.css.gz", coded)
    report = build_collected(out, "original", "a.txt", "css/app.css", "css/app.css.gz", "img/dot.svg")
    assert (out / "css/app.css.gz").read_bytes() == coded
    assert not (out / "css/app.css.br").exists()
    assert (out / "a.txt.br").exists()
    assert not report.warnings  # it decodes to the original, which is what the unhashed name has


def test_the_variants_of_an_original_that_is_no_longer_worth_them_are_removed(out: Path) -> None:
    put_texts(out)
    build_collected(out, "original", "css/app.css", "img/dot.svg")
    assert (out / "css/app.css.br").exists()
    put(out, "css/app.css", b"body { background: url(../img/dot.svg) }\n")
    build_collected(out, "original", "css/app.css", "img/dot.svg")
    assert not (out / "css/app.css.br").exists()
    assert not wrong_files(out)


def test_without_unhashed_files_a_name_of_a_variant_is_removed_and_not_reported(out: Path) -> None:
    put(put_texts(out), "a.txt.gz", b"not gzip")
    assert build_collected(out, "none", "a.txt", "a.txt.gz").warnings == []
    assert not (out / "a.txt").exists()
    assert not (out / "a.txt.gz").exists()
    assert not wrong_files(out)
