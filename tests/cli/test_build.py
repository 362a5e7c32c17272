"""The options of ``hashserve build``: what each one does, and what a wrong one says."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from hashserve.builder.output.folder import open_output
from hashserve.cli.main import main
from tests.cli.running import TEXT, Ran
from tests.support.building import command, contents, manifest_of, run
from tests.support.files import put


def test_the_option_html_rewrites_pages(source: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = b'<img src="img/dot.svg">'
    put(source, "index.html", page)
    Ran(capsys, "build", source, "--out", out)
    assert (out / "index.html").read_bytes() == page
    Ran(capsys, "build", source, "--out", out, "--html")
    dot = manifest_of(out).paths["img/dot.svg"].encode()
    assert (out / "index.html").read_bytes() == page.replace(b"img/dot.svg", dot)


def test_a_bundlers_manifest_can_be_named(
    source: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(source, "app.0123456789abcdef0123.js", b"1")
    manifest = put(tmp_path, "manifest.json", b'{"app.js": "app.0123456789abcdef0123.js"}')
    assert Ran(capsys, "build", source, "--out", out, "--bundler-manifest", manifest).code == 0
    assert manifest_of(out).paths["app.js"] == "app.0123456789abcdef0123.js"
    wrong = Ran(capsys, "build", source, "--out", out, "--bundler-manifest", tmp_path / "none.json")
    assert wrong.code == 2
    assert "none.json: cannot be read: No such file or directory; name the manifest" in wrong.err


def test_the_option_wait_waits_for_another_build_and_says_so(source: Path, out: Path) -> None:
    with open_output(str(out)):
        waiting = subprocess.Popen(
            command("build", "--wait=60", source, "--out", out), stderr=subprocess.PIPE, text=True
        )
        assert waiting.stderr is not None
        assert waiting.stderr.readline() == "hashserve: waiting for another build into the same folder\n"
        put(source, "late.txt", TEXT)
    _, told = waiting.communicate(timeout=60)
    assert (waiting.returncode, told) == (0, "")
    assert "late.txt" in manifest_of(out).paths


def test_a_build_that_has_waited_long_enough_says_so(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_output(str(out)):
        ran = Ran(capsys, "build", source, "--out", out, "--wait", "0.2", "--quiet")
    assert ran.code == 1
    assert ran.err.endswith("another build is writing to it (waited 0.2 s); build again when it is done\n")


def test_a_folder_after_the_option_wait_is_an_error_that_says_what_to_write(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["build", "--wait", str(source), "--out", str(out)])
    assert exited.value.code == 2
    assert "put folders first, or write --wait=600" in capsys.readouterr().err


def test_the_manifest_states_the_prefix_and_references_below_it_are_followed(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(source, "app.css", b"a { background: url(/assets/img/dot.svg) }")
    assert Ran(capsys, "build", source, "--out", out, "--prefix", "/assets/").code == 0
    manifest = manifest_of(out)
    assert manifest.prefix == "/assets/"
    assert manifest.paths["img/dot.svg"].encode() in (out / manifest.paths["app.css"]).read_bytes()


def test_ignored_names_are_left_out_in_addition_to_the_usual_ones(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in ("CVS/a", ".hidden", "b~", "c.bak", "js/old/d.js", ".well-known/e.txt"):
        put(source, path, b"x")
    Ran(capsys, "build", source, "--out", out, "--ignore", "*.bak", "--ignore", "js/old")
    assert manifest_of(out).paths.keys() == {
        "app.css",
        "img/dot.svg",
        "js/app.js",
        "js/leaf.js",
        ".well-known/e.txt",
    }


@pytest.mark.parametrize(
    ("given", "suffixes"), [("zstd", {".zst"}), ("gzip,br", {".gz", ".br"}), ("", set())]
)
def test_the_option_codings_chooses_the_variants(
    source: Path, out: Path, given: str, suffixes: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Ran(capsys, "build", source, "--out", out, "--codings", given)
    assert {Path(path).suffix for path in contents(out)} & {".br", ".gz", ".zst"} == suffixes


def test_the_digest_and_its_length_can_be_chosen(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Ran(capsys, "build", source, "--out", out, "--digest", "sha256", "--digest-length", "20")
    token = manifest_of(out).paths["js/leaf.js"].split(".")[1]
    assert len(token) == 20


def test_bare_specifiers_go_into_the_import_map(
    source: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options: list[str | Path] = [
        "--js-references",
        "import-map",
        "--import-map",
        tmp_path / "map.json",
        "--bare",
        "leaf=js/leaf.js",
    ]
    Ran(capsys, "build", source, "--out", out, *options)
    imports = json.loads((tmp_path / "map.json").read_text())["imports"]
    assert imports["leaf"] == imports["/static/js/leaf.js"]
    assert (out / manifest_of(out).paths["js/app.js"]).read_bytes() == b"import './leaf.js';\n"


def test_an_already_hashed_file_keeps_its_name(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(source, "assets/app-DiwrgTda.js", b"export const a = 1;\n")
    Ran(capsys, "build", source, "--out", out, "--already-hashed", "assets/*")
    assert manifest_of(out).paths["assets/app.js"] == "assets/app-DiwrgTda.js"


def test_strict_fails_on_what_is_otherwise_a_warning(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(source, "app.css", b"a { background: url(gone.png) }")
    strict = Ran(capsys, "build", source, "--out", out, "--strict")
    assert strict.code == 1
    assert "nothing was published" in strict.err
    assert "app.css:1:21" in strict.err
    assert not (out / "staticfiles.json").exists()
    usual = Ran(capsys, "build", source, "--out", out)
    assert usual.code == 0
    assert "1 warning:\n" in usual.out


def test_the_options_keep_and_keep_days_limit_the_retained_releases(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(4):
        put(source, "a.txt", b"%d" % number)
        ran = Ran(capsys, "build", source, "--out", out, "--keep", "2", "--keep-days", "0")
    assert len(manifest_of(out).releases) == 1
    assert "1 older release still served, with 1 file of their own" in ran.out


def test_a_cache_saves_the_compression_for_an_empty_folder(
    source: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Ran(capsys, "build", source, "--out", out, "--cache", tmp_path / "cache")
    ran = Ran(capsys, "build", source, "--out", tmp_path / "out-2", "--cache", tmp_path / "cache", "--json")
    assert json.loads(ran.out)["compressed"] == 0


def test_a_previous_release_is_retained_and_can_be_required(
    source: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Ran(capsys, "build", source, "--out", out)
    put(source, "a.txt", TEXT)
    ran = Ran(capsys, "build", source, "--out", tmp_path / "out-2", "--previous", out, "--json")
    assert json.loads(ran.out)["retained_releases"] == 1
    arguments: list[str | Path] = [
        "--out",
        tmp_path / "out-3",
        "--previous",
        tmp_path / "nowhere",
        "--require-previous",
    ]
    ran = Ran(capsys, "build", source, *arguments)
    assert ran.code == 1
    assert "check --previous, or build without --require-previous" in ran.err


def test_json_stands_alone_on_standard_output_and_quiet_writes_nothing(source: Path, out: Path) -> None:
    put(source, "bröken.css", b"a { background: url(gone.png) }")
    told = run("build", source, "--out", out, "--json")
    report = json.loads(told.stdout)
    assert told.stderr == ""
    assert report["files"] == 5
    assert [finding["kind"] for finding in report["findings"]] == ["missing-reference"]
    told = run("build", source, "--out", out, "--quiet")
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--prefix", "static"], "--prefix=static: must be a URL path"),
        (["--prefix", "/a/../b/"], "--prefix=/a/../b/: "),
        (["--codings", "br,lzma"], "--codings=br,lzma: must be a list of br, gzip, zstd"),
        (["--codings", "br,br"], "--codings=br,br: "),
        (["--digest", "crc"], "--digest=crc: is not a digest"),
        (["--digest-length", "3"], "--digest-length=3: must be from 8 to 32"),
        (["--digest-length", "many"], "--digest-length=many: must be a whole number, 1 or more"),
        (["--js-references", "some"], "--js-references=some: must be one of"),
        (["--bare", "three", "--import-map", "x"], "--bare=three: must be NAME=PATH"),
        (["--bare", "three/=js/app.js", "--import-map", "x"], "--bare=three/=js/app.js: must map specifiers"),
        (["--bare", "three=js/app.js"], "--bare: needs --import-map too"),
        (["--keep", "0"], "--keep=0: must be a whole number, 1 or more"),
        (["--keep-days", "nan"], "--keep-days=nan: must be a number, 0 or more"),
        (["--require-previous"], "--require-previous: needs --previous too"),
        (["--previous", "s3://bucket"], "--previous=s3://bucket: must be a folder, or a URL"),
        (["--cache", "source/cache"], "--cache=source/cache: overlaps the source"),
        (["--cache", "out/cache"], "--cache=out/cache: overlaps the output"),
        (["--keep", "x"], "--keep=x: must be a whole number, 1 or more"),
        (["--wait", "-1"], "--wait=-1: must be a number, 0 or more"),
        (["--wait", "nan"], "--wait=nan: must be a number, 0 or more"),
        (["--already-hashed", ""], "--already-hashed='': must be a list of strings, none of them empty"),
        (["--nonsense"], "unknown argument --nonsense"),
    ],
)
def test_a_wrong_argument_is_named_and_nothing_is_built(
    source: Path,
    out: Path,
    arguments: list[str],
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(source.parent)
    try:
        code = main(["build", "source", "--out", "out", *arguments])
    except SystemExit as error:  # raised by argparse
        assert error.code == 2  # noqa: PT017
        code = 2
    assert code == 2
    assert told in capsys.readouterr().err
    assert not (out / "staticfiles.json").exists()
