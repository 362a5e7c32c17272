"""The command line: what each option does, what is said where, and exit codes."""

from __future__ import annotations

import json
import os
import pty
import shlex
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from hashserve import BuildError
from hashserve.builder import BuildFinding, BuildReport
from hashserve.builder.output.writer import Output
from hashserve.cli.build import SHOWN_PER_KIND, summary
from hashserve.cli.main import main
from hashserve.cli.terminal import human_bytes
from tests.support.building import command, contents, manifest_of, put, run

TEXT = b"a text that is long enough to be worth compressing\n" * 20


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


class Ran:
    """What a command that was run in this process wrote and gave."""

    def __init__(self, capsys: pytest.CaptureFixture[str], *arguments: str | os.PathLike[str]) -> None:
        self.code = main([os.fspath(argument) for argument in arguments])
        self.out, self.err = capsys.readouterr()


# What the options of build do


def test_pages_are_rewritten_if_asked_for(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
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
    assert "none.json': cannot be read: No such file or directory; name the manifest" in wrong.err


def test_a_build_waits_for_another_if_asked_for_and_says_so(source: Path, out: Path) -> None:
    with Output(str(out)):
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
    with Output(str(out)):
        ran = Ran(capsys, "build", source, "--out", out, "--wait", "0.2", "--quiet")
    assert ran.code == 1
    assert ran.err.endswith(
        "another build is writing to it still, after 0.2 s; wait until that one is done\n"
    )


def test_a_folder_that_is_taken_for_seconds_is_told_of(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        main(["build", "--wait", str(source), "--out", str(out)])
    assert exited.value.code == 2
    assert "put folders first, or write --wait=600" in capsys.readouterr().err


def test_the_prefix_is_written_down_and_references_from_its_root_are_known(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(source, "app.css", b"a { background: url(/assets/img/dot.svg) }")
    assert Ran(capsys, "build", source, "--out", out, "--prefix", "/assets/").code == 0
    manifest = manifest_of(out)
    assert manifest.prefix == "/assets/"
    assert manifest.paths["img/dot.svg"].encode() in (out / "app.css").read_bytes()


def test_ignored_names_are_left_out_beside_the_usual_ones(
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
def test_variants_are_of_the_codings_asked_for(
    source: Path, out: Path, given: str, suffixes: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    Ran(capsys, "build", source, "--out", out, "--codings", given)
    assert {Path(path).suffix for path in contents(out)} & {".br", ".gz", ".zst"} == suffixes


def test_the_digest_and_its_length_are_those_asked_for(
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


def test_what_is_already_hashed_keeps_its_name(
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


def test_releases_are_kept_as_asked_for(source: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(4):
        put(source, "a.txt", b"%d" % number)
        ran = Ran(capsys, "build", source, "--out", out, "--keep", "2", "--keep-days", "0")
    assert len(manifest_of(out).releases) == 1
    assert "1 older release still served, with 1 file of their own" in ran.out


def test_a_cache_gives_an_empty_folder_what_was_compressed_before(
    source: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Ran(capsys, "build", source, "--out", out, "--cache", tmp_path / "cache")
    ran = Ran(capsys, "build", source, "--out", tmp_path / "out-2", "--cache", tmp_path / "cache", "--json")
    assert json.loads(ran.out)["compressed"] == 0


def test_a_previous_release_is_brought_over_or_required(
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


def test_json_is_alone_on_standard_output_and_quiet_is_quiet(source: Path, out: Path) -> None:
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
        (["--prefix", "static"], "prefix='static'"),
        (["--prefix", "/a/../b/"], "prefix='/a/../b/'"),
        (["--codings", "br,lzma"], "codings='lzma'"),
        (["--codings", "br,br"], "codings='br'"),
        (["--digest", "crc"], "digest='crc'"),
        (["--digest-length", "3"], "length=3"),
        (["--digest-length", "many"], "invalid int value"),
        (["--js-references", "some"], "js_references='some'"),
        (["--bare", "three", "--import-map", "x"], "bare='three'"),
        (["--bare", "three/=js/app.js", "--import-map", "x"], "import_map_bare='three/'"),
        (["--bare", "three=js/app.js"], "needs import_map"),
        (["--keep", "0"], "keep=0"),
        (["--keep-days", "nan"], "keep_days=nan"),
        (["--require-previous"], "needs previous"),
        (["--previous", "s3://bucket"], "previous='s3://bucket'"),
        (["--cache", "source/cache"], "overlaps the source"),
        (["--cache", "out/cache"], "overlaps the output"),
        (["--nonsense"], "unrecognized arguments"),
    ],
)
def test_arguments_that_mean_nothing_are_named_and_nothing_is_done(
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
    except SystemExit as error:  # as argparse has it
        assert error.code == 2  # noqa: PT017
        code = 2
    assert code == 2
    assert told in capsys.readouterr().err
    assert not (out / "staticfiles.json").exists()


# prune


def test_prune_tells_what_it_removes(source: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Ran(capsys, "build", source, "--out", out)
    old = manifest_of(out).paths["js/leaf.js"]
    put(source, "js/leaf.js", b"export const leaf = 2;\n")
    Ran(capsys, "build", source, "--out", out)
    assert "0 files, 0 B, and 0 releases removed" in Ran(capsys, "prune", out).out
    dry = Ran(capsys, "prune", out, "--keep", "1", "--dry-run")
    assert f"  {old}\n" in dry.out
    assert "and 1 release would be removed" in dry.out
    assert (out / old).exists()
    done = Ran(capsys, "prune", out, "--keep", "1", "--json")
    assert old in json.loads(done.out)["files"]
    assert not (out / old).exists()
    assert Ran(capsys, "prune", out, "--keep-days", "0", "--quiet").out == ""
    assert Ran(capsys, "prune", out, "--keep", "0").code == 2
    assert Ran(capsys, "prune", out / "nowhere").code == 1


# Terminals, pipes, names


def test_a_terminal_gets_a_progress_bar_and_nothing_else_does(source: Path, out: Path) -> None:
    leader, follower = pty.openpty()
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen(
        command("build", source, "--out", out),
        stdout=subprocess.PIPE,
        stderr=follower,
        env=environ,
        text=True,
    )
    os.close(follower)
    shown = b""
    try:
        while piece := os.read(leader, 4096):
            shown += piece
    except OSError:  # Linux tells so that the other side is closed
        pass
    os.close(leader)
    written, _ = process.communicate()
    assert process.returncode == 0
    assert "4 files" in written
    for step in (b"read", b"publish", b"compress"):
        assert step in shown
    elsewhere = run("build", source, "--out", out)
    assert elsewhere.stderr == ""
    assert "\x1b" not in elsewhere.stdout


def test_a_reader_that_went_away_is_no_reason_for_a_traceback(source: Path, out: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(
        command("build", source, "--out", out), stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert process.stderr == b""
    assert process.returncode == 1
    assert (out / "staticfiles.json").exists()


def test_a_full_disk_behind_standard_output_is_told_of(source: Path, out: Path) -> None:
    with open("/dev/full", "wb") as full:
        process = subprocess.run(
            command("build", source, "--out", out), stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert process.stderr == b"hashserve: standard output: No space left on device\n"
    assert process.returncode == 1
    assert (out / "staticfiles.json").exists()


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_streams_may_be_closed(source: Path, out: Path, closed: str) -> None:
    for arguments in (("build", source, "--out", out), ("report", out), ("check", out), ("prune", out)):
        line = shlex.join(command(*arguments))
        process = subprocess.run(["/bin/sh", "-c", f"{line} {closed}"], capture_output=True, check=False)
        assert (process.returncode, process.stderr) == (0, b"")


def test_names_that_the_terminals_encoding_lacks_are_shown_with_escapes(source: Path, out: Path) -> None:
    put(source, "schön.css", b"a { background: url(gone.png) }")
    told = run("build", source, "--out", out, environ={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert told.returncode == 0
    assert r"sch\xf6n.css:1:21" in told.stdout


def test_what_is_not_installed_is_named_with_its_remedy(source: Path, out: Path) -> None:
    code = (
        "import sys; sys.modules['tree_sitter'] = None; from hashserve.cli.main import main; sys.exit(main())"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, "build", source, "--out", out],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    assert (
        told.stderr == "hashserve: tree_sitter is missing; install it with: pip install 'hashserve[build]'\n"
    )


def test_a_failure_that_nobody_foresaw_still_is_a_message(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("hashserve.builder.pipeline.walk", lambda *arguments, **more: fail())
    ran = Ran(capsys, "build", source, "--out", out)
    assert ran.code == 1
    assert ran.err.endswith("out: failed: Input/output error; the release in force is whole\n")


@pytest.mark.parametrize("arguments", [["--help"], ["build", "--help"], ["prune", "--help"], ["--version"]])
def test_help_and_version_are_there(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as told:
        main(arguments)
    assert told.value.code == 0
    assert "hashserve" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("raised", "code", "told"),
    [
        (KeyboardInterrupt(), 130, "hashserve: interrupted; what was published is whole\n"),
        (ModuleNotFoundError("", name="rich"), 1, "hashserve: rich is missing; install it with: pip install"),
    ],
)
def test_what_ends_a_command_is_told_in_a_line(
    source: Path,
    out: Path,
    raised: BaseException,
    code: int,
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*arguments: object, **more: object) -> None:
        raise raised

    monkeypatch.setattr("hashserve.builder.build", fail)
    ran = Ran(capsys, "build", source, "--out", out)
    assert ran.code == code
    assert ran.err.startswith(told)
    assert ran.err.count("\n") == 1


def test_sigterm_ends_a_command_and_is_the_callers_again_after_it(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(
        "hashserve.builder.build", lambda *arguments, **more: signal.raise_signal(signal.SIGTERM)
    )
    ran = Ran(capsys, "build", source, "--out", out)
    assert (ran.code, ran.err) == (143, "hashserve: terminated; what was published is whole\n")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_progress_bar_is_gone_once_all_is_done(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    ran = Ran(capsys, "build", source, "--out", out)
    assert "4 files" in ran.out
    assert "compress" in ran.err


# The summary


def test_a_summary_says_what_a_person_wants_to_know() -> None:
    report = BuildReport(
        release="0123456789ab",
        files=1,
        source_bytes=1500,
        written=3,
        reused=4,
        rewritten_references=1,
        coded_bytes=Counter(br=250),
        coded_source_bytes=Counter(br=1000),
        retained_releases=2,
        retained_files=5,
        seconds=1.25,
        findings=[
            BuildFinding(kind="missing-reference", path="a.css", message="is wrong", line=3, column=4),
            BuildFinding(kind="missing-reference", path="a.js", message="is of no consequence", quiet=True),
        ],
    )
    assert summary(report, "out").splitlines() == [
        "1 file, 1.5 kB, built in 1.2 s into out",
        "  3 written, 4 as they were, 1 reference rewritten",
        "  br    250 B instead of 1.0 kB, 75% saved",
        "  2 older releases still served, with 5 files of their own",
        "  release 0123456789ab is in force",
        "1 warning:",
        "  a.css:3:4: is wrong",
        "1 source map is not there, which no page loads; --json lists them",
    ]


def test_a_summary_shows_some_findings_of_each_kind_and_counts_the_rest() -> None:
    missing = [
        BuildFinding(kind="missing-reference", path=f"{number}.css", message="x") for number in range(1000)
    ]
    findings = [*missing, BuildFinding(kind="skipped", path="last\n", message="is shown all the same")]
    lines = summary(BuildReport(findings=findings), "out").splitlines()
    assert lines[3] == "1,001 warnings:"
    assert len(lines) == 4 + SHOWN_PER_KIND + 2
    assert lines[-2:] == [
        "  and 980 more like these; --json lists them all",
        "  last\\n: is shown all the same",
    ]


def test_a_summary_of_an_unchanged_build_says_that_there_was_nothing_to_write() -> None:
    lines = summary(BuildReport(files=2, reused=6), "out").splitlines()
    assert lines[1] == "  nothing to write, 6 as they were, 0 references rewritten"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_500_000, "1.5 MB"),
        (2e9, "2.0 GB"),
        (3e12, "3000.0 GB"),
    ],
)
def test_bytes_are_written_for_people(number: float, text: str) -> None:
    assert human_bytes(number) == text


def test_errors_carry_their_remedy() -> None:
    assert str(BuildError("a", "is wrong", "mend it")) == "a: is wrong; mend it"


# Report


def test_report_tells_what_a_folder_serves(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Ran(capsys, "build", source, "--out", out)
    first = manifest_of(out).release
    put(source, "app.css", TEXT)
    Ran(capsys, "build", source, "--out", out)
    told = Ran(capsys, "report", out).out
    assert f"serves release {manifest_of(out).release} of 20" in told
    assert "4 files" in told
    assert f"and release {first} of 20" in told
    assert "1 file of its own" in told
    facts = json.loads(Ran(capsys, "report", out, "--json").out)
    assert facts["bytes"]["identity"] == sum(
        (out / path).stat().st_size for path in set(manifest_of(out).paths.values())
    )
    assert facts["releases"][0]["own_files"] == 1


def test_report_reads_djangos_manifest_too(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(out, "staticfiles.json", b'{"paths": {"a.css": "a.0123456789ab.css"}, "version": "1.0"}')
    told = Ran(capsys, "report", out).out
    assert "release (without an id) of an unknown day" in told
    assert "1 file: 0 B identity" in told


def test_report_without_a_manifest_says_what_to_do(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ran = Ran(capsys, "report", out)
    assert ran.code == 1
    assert str(out / "staticfiles.json") in ran.err
    assert "build the folder first" in ran.err
