"""``manage.py hashserve``: the commands that look at a built folder, for STATIC_ROOT."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.test import override_settings

from hashserve.builder import build
from hashserve.django.management.commands.hashserve import Command
from tests.support.building import manifest_of
from tests.support.django_settings import configure
from tests.support.files import put

configure()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    put(tmp_path / "source", "app.css", b"body { margin: 0 }\n" * 20)
    build(tmp_path / "source", tmp_path / "root")
    return tmp_path / "root"


@pytest.mark.parametrize(
    ("action", "expected"),
    [("check", "nothing is wrong"), ("prune", "0 files"), ("report", "serves release")],
)
def test_an_action_works_on_static_root(
    root: Path, action: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with override_settings(STATIC_ROOT=root):
        call_command("hashserve", action)
    assert expected in capsys.readouterr().out


def test_check_and_report_know_deltas(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = b"".join(b"f(%d);\n" % (number * 7919) for number in range(500))
    for turn in (b"1", b"2"):
        put(tmp_path / "source", "app.js", content + b"// " + turn)
        build(tmp_path / "source", tmp_path / "root")
    with override_settings(STATIC_ROOT=tmp_path / "root"):
        call_command("hashserve", "check", "--strict", "--dictionaries")
        call_command("hashserve", "report")
    text = capsys.readouterr().out
    assert f"  {manifest_of(tmp_path / 'root').paths['app.js']}: app.*.js" in text
    assert ", 1 delta, 2 releases checked" in text
    assert "what a returning visitor downloads" in text


def test_options_belong_to_the_action(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with override_settings(STATIC_ROOT=root):
        Command().run_from_argv(["manage.py", "hashserve", "report", "--json"])
    assert f'"release": "{manifest_of(root).release}"' in capsys.readouterr().out


def test_faults_end_the_process_with_the_exit_code_of_the_action(root: Path) -> None:
    (root / manifest_of(root).paths["app.css"]).unlink()
    with override_settings(STATIC_ROOT=root), pytest.raises(SystemExit) as ended:
        call_command("hashserve", "check")
    assert ended.value.code == 1


def test_help_is_that_of_the_action(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        Command().run_from_argv(["manage.py", "hashserve", "prune", "--help"])
    assert "--keep-days" in capsys.readouterr().out


def test_a_missing_static_root_is_an_error() -> None:
    with override_settings(STATIC_ROOT=None), pytest.raises(CommandError, match="STATIC_ROOT is not set"):
        call_command("hashserve", "check")


def test_it_is_a_command_of_django() -> None:
    assert issubclass(Command, BaseCommand)


def test_a_check_accepts_what_the_projects_settings_accept(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put(root, "notes.html", b"<p>")
    put(root, "more.html", b"<p>")
    known = tmp_path / "known.json"
    with override_settings(STATIC_ROOT=root), pytest.raises(SystemExit):
        call_command("hashserve", "check", "--strict")
    accept = {"CHECK_ACCEPT": ["file-unlisted:notes.*"], "CHECK_BASELINE": known}
    with override_settings(STATIC_ROOT=root, HASHSERVE={"CHECK_ACCEPT": accept["CHECK_ACCEPT"]}):
        call_command("hashserve", "check", "--write-baseline", str(known))
    assert "notes" not in known.read_text("utf-8")
    with override_settings(STATIC_ROOT=root, HASHSERVE=accept):
        call_command("hashserve", "check", "--strict")
    assert capsys.readouterr().out.splitlines()[-1].endswith("nothing new is wrong; 2 accepted")
