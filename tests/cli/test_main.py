"""All commands: streams, signals, and how they end."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hashserve.cli.main import main
from tests.cli.running import Ran
from tests.support.building import command, run
from tests.support.files import put


def test_a_closed_pipe_ends_a_command_without_a_traceback(source: Path, out: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(
        command("build", source, "--out", out), stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert process.stderr == b""
    assert process.returncode == 1
    assert (out / "staticfiles.json").exists()


def test_a_full_disk_behind_standard_output_is_an_error(source: Path, out: Path) -> None:
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


@pytest.mark.parametrize("package", ["tree_sitter", "xxhash"])
def test_a_missing_package_is_named_with_the_command_that_installs_it(
    package: str, source: Path, out: Path
) -> None:
    put(source, "app.0a1b2c3d4e5f.js", b'import "./other.js";')
    code = (
        f"import sys; sys.modules['{package}'] = None; from hashserve.cli.main import main; sys.exit(main())"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, "build", source, "--out", out],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    assert (
        told.stderr
        == f"hashserve: the package {package} is missing; install it with: pip install 'hashserve[build]'\n"
    )


def test_an_unexpected_failure_is_a_message(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("hashserve.builder.pipeline.source_files", lambda *arguments, **more: fail())
    ran = Ran(capsys, "build", source, "--out", out)
    assert ran.code == 1
    assert ran.err.endswith("out: failed: Input/output error; the release in force is unchanged\n")


@pytest.mark.parametrize("arguments", [["--help"], ["build", "--help"], ["prune", "--help"], ["--version"]])
def test_help_and_version_are_written_to_standard_output(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as told:
        main(arguments)
    assert told.value.code == 0
    assert "hashserve" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("raised", "code", "told"),
    [
        (KeyboardInterrupt(), 130, "hashserve: interrupted; the release in force is complete\n"),
        (
            ModuleNotFoundError("", name="rich"),
            1,
            "hashserve: the package rich is missing; install it with: pip install",
        ),
    ],
)
def test_what_ends_a_command_is_written_in_one_line(
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


def test_sigterm_ends_a_command_and_its_handler_is_restored(
    source: Path, out: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(
        "hashserve.builder.build", lambda *arguments, **more: signal.raise_signal(signal.SIGTERM)
    )
    ran = Ran(capsys, "build", source, "--out", out)
    assert (ran.code, ran.err) == (143, "hashserve: terminated; the release in force is complete\n")
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND; see: hashserve --help"),
        (["build", "a"], "the following arguments are required: --out; see: hashserve build --help"),
        (
            ["build", "a", "--out", "b", "--preffix=/"],
            "unknown argument --preffix=/ (did you mean --prefix?); see: hashserve build --help",
        ),
        (["report", "a", "b"], "unknown argument b; see: hashserve report --help"),
        (["--nonsense", "report", "a"], "unknown argument --nonsense; see: hashserve report --help"),
    ],
)
def test_wrong_arguments_are_an_error_of_one_line_that_says_what_to_write(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exited:
        main(arguments)
    assert exited.value.code == 2
    assert capsys.readouterr().err == f"hashserve: {message}\n"
