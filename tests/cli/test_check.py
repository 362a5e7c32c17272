"""The command ``hashserve check``: exit codes and what it writes."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from hashserve import Manifest
from hashserve.check import check
from hashserve.check.reports.json import json_report
from hashserve.cli.main import main
from tests.support.files import put
from tests.support.published_folder import build_releases, damaged


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_releases(tmp_path_factory.mktemp("built"))


@pytest.fixture
def out(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "out", symlinks=True))


def run(*arguments: object) -> int:
    return main(["check", *map(str, arguments)])


def test_a_clean_folder_exits_with_0(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(built, "--strict") == 0
    assert "nothing is wrong" in capsys.readouterr().out


def test_errors_exit_with_1_and_are_grouped_by_rule_the_worst_first(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = damaged(out)
    assert run(out) == 1
    text = capsys.readouterr().out
    assert text.index("[unhashed-differs]") < text.index("[reference-missing]") < text.index("[leftover]")
    assert f"  {name}:1:22: url() names" in text
    assert "  -> run hashserve prune to remove it" in text
    assert text.splitlines()[-1].endswith("1 error, 1 warning, 2 notes")


def test_warnings_exit_with_0_unless_strict(out: Path) -> None:
    put(out, "notes.html", b"<p>")
    assert run(out) == 0
    assert run(out, "--strict") == 1


def test_dictionaries_are_listed_on_demand(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = set(Manifest.load(built / "staticfiles.json").paths.values())
    assert run(built) == 0
    text = capsys.readouterr().out
    assert "fingerprinted files are dictionaries for deltas; " in text
    assert not [path for path in paths if path in text]
    assert run(built, "--dictionaries") == 0
    text = capsys.readouterr().out
    assert [path for path in paths if path not in text] == []
    assert run(built, "--dictionaries", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert {grade["path"] for grade in report["dictionaries"]["grades"]} == paths


def test_quiet_writes_only_errors(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put(out, "notes.html", b"<p>")
    assert run(out, "--quiet") == 0
    assert capsys.readouterr().out == ""
    put(out, "robots.txt", b"x")
    assert run(out, "--quiet") == 1
    assert "unhashed-differs" in capsys.readouterr().out


def test_a_missing_folder_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path / "nothing") == 2
    assert "is not a folder" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["big", "script=", "1.5M", "=3"])
def test_a_wrong_limit_exits_with_2(value: str, built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(built, "--max-size", value) == 2
    assert f"--max-size={value}: must be BYTES or KIND=BYTES" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["scripts=3", "none=off"])
def test_an_unknown_kind_exits_with_2(value: str, built: Path) -> None:
    assert run(built, "--max-size", value) == 2


def test_a_limit_is_for_all_kinds_or_for_one(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(built, "--json", "--max-size", "1", "--max-size", "style=2kB", "--max-size", "script=off")
    findings = json.loads(capsys.readouterr().out)["findings"]
    kinds = {item["path"].rpartition(".")[2] for item in findings if item["rule"] == "oversize"}
    assert kinds == {"svg", "txt"}


def test_json_is_the_only_output_with_its_option(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged(out)
    assert run(out, "--json") == 1
    assert json.loads(capsys.readouterr().out) == json_report(check(str(out)))


def test_sarif_goes_to_a_file_or_to_standard_output(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(out, "--sarif", tmp_path / "report.sarif") == 0
    assert "nothing is wrong" in capsys.readouterr().out
    assert run(out, "--sarif", "-") == 0
    assert capsys.readouterr().out == (tmp_path / "report.sarif").read_text(encoding="utf-8")


def test_sarif_that_cannot_be_written_is_a_failure(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(out, "--sarif", tmp_path / "no/such/folder.sarif") == 1
    assert "cannot be written" in capsys.readouterr().err


def test_a_terminal_gets_colours_if_rich_is_installed(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    put(out, "[bold]notes.html", b"<p>")
    run(out)
    coloured = capsys.readouterr().out
    assert "\x1b[" in coloured
    assert "[bold]notes.html" in coloured
    monkeypatch.setitem(sys.modules, "rich.console", None)
    run(out)
    assert "\x1b[" not in capsys.readouterr().out


def test_a_baseline_is_written_and_then_accepts_what_is_known(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(out, "notes.html", b"<p>")
    known = tmp_path / "known.json"
    assert run(out, "--write-baseline", known) == 0
    assert f"written to {known}" in capsys.readouterr().out
    assert run(out, "--strict", "--baseline", known) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("accepted")
    put(out, "more.html", b"<p>")
    assert run(out, "--strict", "--baseline", known) == 1
    assert run(out, "--strict", "--baseline", known, "--accept", "file-unlisted:more.*") == 0


def test_an_error_fails_though_a_baseline_is_written(out: Path, tmp_path: Path) -> None:
    damaged(out)
    assert run(out, "--write-baseline", tmp_path / "known.json") == 1


def test_a_baseline_is_written_in_addition_to_the_report_for_programs(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(out, "notes.html", b"<p>")
    known, log = tmp_path / "known.json", tmp_path / "log.sarif"
    assert run(out, "--strict", "--write-baseline", known, "--sarif", log) == 0
    assert json.loads(log.read_bytes())["runs"][0]["results"]
    capsys.readouterr()
    assert run(out, "--write-baseline", known, "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["findings"]) >= 1


def test_a_baseline_that_cannot_be_used_is_named_as_its_option(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(out, "--baseline", tmp_path / "none.json") == 2
    assert capsys.readouterr().err.startswith(
        f"hashserve: --baseline={tmp_path / 'none.json'}: cannot be read"
    )
    assert run(out, "--write-baseline", tmp_path / "none/known.json") == 2
    assert f"--write-baseline={tmp_path / 'none/known.json'}: cannot be written" in capsys.readouterr().err
    assert run(out, "--accept", "oversise") == 2
    assert "--accept=oversise: there is no rule 'oversise'; did you mean" in capsys.readouterr().err
