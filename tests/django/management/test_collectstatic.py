"""``manage.py collectstatic``: Django's options, the summary and the errors."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor, wait

import pytest
from django.core.management import CommandError
from django.test import override_settings

from hashserve.builder.output.folder import open_output
from tests.support.building import manifest_of, snapshot, wrong_files
from tests.support.collected_site import SOURCE, CollectedSite, paths_of
from tests.support.files import put


def test_a_dry_run_writes_nothing(site: CollectedSite) -> None:
    site.collect(dry_run=True)
    assert not site.root.exists()


def test_without_post_processing_files_are_only_copied(site: CollectedSite) -> None:
    site.collect(post_process=False)
    assert sorted(snapshot(site.root)) == sorted(SOURCE)


def test_clear_removes_other_files_first(site: CollectedSite) -> None:
    put(site.root, "left/over.txt", b"x")
    site.collect(clear=True)
    assert not (site.root / "left/over.txt").exists()
    assert not wrong_files(site.root)


def test_linked_originals_stay_links_and_fingerprinted_files_are_copies(site: CollectedSite) -> None:
    for _ in range(2):
        site.collect(link=True)
        assert os.readlink(site.root / "robots.txt") == str(site.source / "robots.txt")
        assert not (site.root / paths_of(site.root)["robots.txt"]).is_symlink()
    assert {path: (site.source / path).read_bytes() for path in SOURCE} == SOURCE


def test_the_command_ends_with_a_summary_unless_verbosity_is_0(
    site: CollectedSite, capsys: pytest.CaptureFixture[str]
) -> None:
    site.collect(verbosity=1)
    output = capsys.readouterr().out
    assert "6 static files copied" in output
    assert f"release {manifest_of(site.root).release} is in force" in output
    site.collect(verbosity=0)
    assert not capsys.readouterr().out


def test_the_summary_counts_warnings(site: CollectedSite, capsys: pytest.CaptureFixture[str]) -> None:
    put(site.source, "css/lost.css", b"a { background: url(gone.png) }")
    site.collect(verbosity=1)
    assert "1 warning" in capsys.readouterr().out


def test_all_findings_are_listed_with_verbosity_2(
    site: CollectedSite, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = "".join(f"a {{ background: url(gone-{number}.png) }}" for number in range(25))
    put(site.source, "css/lost.css", lost.encode())
    site.collect(verbosity=1)
    assert "5 more like these; -v 2 lists them all" in capsys.readouterr().out
    site.collect(verbosity=2)
    assert "gone-24.png" in capsys.readouterr().out.partition("is in force")[2]


def test_another_storage_has_djangos_command(site: CollectedSite, capsys: pytest.CaptureFixture[str]) -> None:
    site.collect("django.contrib.staticfiles.storage.StaticFilesStorage", verbosity=1)
    assert "release" not in capsys.readouterr().out
    assert not (site.root / "staticfiles.json").exists()


def test_nothing_to_collect_is_no_failure(site: CollectedSite) -> None:
    for path in SOURCE:
        (site.source / path).unlink()
    site.collect()
    assert paths_of(site.root) == {}


def test_a_folder_that_cannot_be_written_is_an_error_of_the_command(site: CollectedSite) -> None:
    put(site.root, "js", b"a file where a folder is to be")
    with pytest.raises(CommandError, match=r"js.* No release is published"):
        site.collect()


def test_one_collection_waits_for_another(site: CollectedSite) -> None:
    site.collect()
    no_wait = override_settings(HASHSERVE={"WAIT": 0})
    with open_output(str(site.root)), no_wait, pytest.raises(CommandError, match="another build is writing"):
        site.collect()
    with ThreadPoolExecutor() as threads:
        with open_output(str(site.root)):
            waiting = threads.submit(site.collect)
            assert wait([waiting], 0.5).not_done
        waiting.result(60)


def test_no_bar_is_drawn_before_the_build_begins(
    site: CollectedSite, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(site.root, "left.txt", b"x")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    drawn: list[str] = []

    def refuse(question: str) -> str:
        drawn.append(capsys.readouterr().err)
        return "no"

    monkeypatch.setattr("builtins.input", refuse)
    with pytest.raises(CommandError, match="cancelled"):
        site.collect(interactive=True, verbosity=1)
    assert drawn == [""]


def test_a_closed_output_is_not_reported_as_an_error_of_a_file(
    site: CollectedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("django.contrib.staticfiles.management.commands.collectstatic.Command.collect", fail)
    with pytest.raises(BrokenPipeError):
        site.collect(verbosity=1)


def test_a_collection_without_post_processing_has_no_summary(
    site: CollectedSite, capsys: pytest.CaptureFixture[str]
) -> None:
    site.collect(verbosity=1, post_process=False)
    assert "is in force" not in capsys.readouterr().out
