"""``manage.py collectstatic``: Django's options, the summary and the errors."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import CommandError
from django.test import override_settings

from hashserve.builder.output.folder import open_output
from hashserve.builder.output.paths import delta_paths, served_paths
from hashserve.django.storage import ManifestStaticFilesStorage
from tests.support.building import RULES, contents, manifest_of, snapshot, wrong_files
from tests.support.collected_site import SOURCE, STYLES, THEIRS, CollectedSite, paths_of
from tests.support.deep_trees import deep_folder, shallow_recursion
from tests.support.files import put


def test_a_dry_run_writes_nothing(site: CollectedSite) -> None:
    site.collect(dry_run=True)
    assert not site.root.exists()


def test_without_post_processing_files_are_only_copied(site: CollectedSite) -> None:
    site.collect(post_process=False)
    assert sorted(snapshot(site.root)) == sorted(SOURCE)


def test_linked_originals_stay_links_and_fingerprinted_files_are_copies(site: CollectedSite) -> None:
    for _ in range(2):
        site.collect(link=True)
        assert os.readlink(site.root / "robots.txt") == str(site.source / "robots.txt")
        assert not (site.root / paths_of(site.root)["robots.txt"]).is_symlink()
    assert {path: (site.source / path).read_bytes() for path in SOURCE} == SOURCE


def test_clear_leaves_the_new_release_and_those_that_are_retained(site: CollectedSite) -> None:
    site.collect()
    first = paths_of(site.root)["css/app.css"]
    put(site.root, "left/over.txt", b"x")
    put(site.source, "css/app.css", STYLES + b"b { margin: 0 }")
    (site.source / "robots.txt").unlink()
    site.collect(clear=True)
    assert (site.root / first).is_file()
    assert not (site.root / "robots.txt").exists()
    assert not (site.root / "left").exists()
    assert not wrong_files(site.root)
    needed = served_paths(manifest_of(site.root))
    assert {path for path in contents(site.root) if path not in needed} == set()


def test_djangos_own_command_clears_nothing_that_a_release_lists(
    site: CollectedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.collect()
    first = paths_of(site.root)
    put(site.root, "left/over.txt", b"x")
    put(site.source, "css/app.css", STYLES + b"b { margin: 0 }")
    (site.source / "robots.txt").unlink()
    removed: list[str] = []

    def noted(function: Callable[..., None]) -> Callable[..., None]:
        def remove(path: str, **options: Any) -> None:
            removed.append(path)
            function(path, **options)

        return remove

    monkeypatch.setattr(os, "remove", noted(os.remove))
    monkeypatch.setattr(os, "unlink", noted(os.unlink))
    with override_settings(INSTALLED_APPS=["django.contrib.staticfiles"]):
        site.collect(clear=True)
    names = {os.path.relpath(path, site.root) for path in removed}
    assert {"left/over.txt", "robots.txt"} <= names
    assert not names & {"staticfiles.json", *first.values(), *first.keys() - {"robots.txt"}}
    assert (site.root / first["css/app.css"]).is_file()
    assert not wrong_files(site.root)


WITH_AND_WITHOUT_OURS = [
    ["hashserve.django", "django.contrib.staticfiles"],
    ["django.contrib.staticfiles"],
]


@pytest.mark.parametrize("apps", WITH_AND_WITHOUT_OURS)
def test_clear_keeps_the_deltas_that_a_release_lists_and_no_others(
    site: CollectedSite, apps: list[str]
) -> None:
    for number in range(3):
        put(site.source, "css/large.css", b"/* %d */\n" % number + RULES)
        site.collect()
    manifest = manifest_of(site.root)
    listed = delta_paths(manifest)
    assert len(listed) == 3
    path = manifest.paths["css/large.css"]
    put(site.root, f"{path}.0123456789ab.dcz", b"of no release")
    put(site.root, "css/large.css.mine.dcz", b"of nobody")
    before = {each: (site.root / each).stat().st_ino for each in listed}
    with override_settings(INSTALLED_APPS=apps):
        site.collect(clear=True)
    assert {each: (site.root / each).stat().st_ino for each in listed} == before
    assert {each for each in contents(site.root) if each.endswith(".dcz")} == listed
    assert manifest_of(site.root).deltas == manifest.deltas
    assert not wrong_files(site.root)


@pytest.mark.parametrize("apps", WITH_AND_WITHOUT_OURS)
def test_clear_removes_nothing_of_a_release_if_the_build_fails(site: CollectedSite, apps: list[str]) -> None:
    site.collect()
    before = contents(site.root)
    put(site.source, "css/lost.css", b"a { background: url(gone.png) }")
    strict = override_settings(HASHSERVE={"STRICT": True}, INSTALLED_APPS=apps)
    with strict, pytest.raises(CommandError, match="nothing was published"):
        site.collect(clear=True)
    assert before.items() <= contents(site.root).items()
    site.collect(clear=True)
    assert not wrong_files(site.root)


def test_clear_removes_nothing_at_all_if_the_build_fails(site: CollectedSite) -> None:
    put(site.root, "left/over.txt", b"x")
    put(site.source, "css/lost.css", b"a { background: url(gone.png) }")
    with override_settings(HASHSERVE={"STRICT": True}), pytest.raises(CommandError):
        site.collect(clear=True)
    assert (site.root / "left/over.txt").exists()


def test_clear_in_a_dry_run_names_what_it_would_delete(
    site: CollectedSite, capsys: pytest.CaptureFixture[str]
) -> None:
    site.collect()
    put(site.root, "left/over.txt", b"x")
    before = snapshot(site.root)
    site.collect(clear=True, dry_run=True, verbosity=1)
    said = re.findall("Pretending to delete '(.*)'", capsys.readouterr().out)
    assert said == ["left/over.txt"]
    assert snapshot(site.root) == before


def test_clear_without_post_processing_keeps_the_release_in_force(site: CollectedSite) -> None:
    site.collect()
    put(site.root, "left/over.txt", b"x")
    put(site.source, "new.txt", b"new")
    site.collect(clear=True, post_process=False)
    assert not (site.root / "left").exists()
    assert (site.root / "new.txt").read_bytes() == b"new"
    assert not wrong_files(site.root)


def test_clear_copies_every_file_again(site: CollectedSite, capsys: pytest.CaptureFixture[str]) -> None:
    site.collect()
    put(site.root, "robots.txt", b"edited by hand")
    site.collect(clear=True, verbosity=1)
    assert "6 static files copied" in capsys.readouterr().out
    assert (site.root / "robots.txt").read_bytes() == SOURCE["robots.txt"]


def test_clear_keeps_links_that_lead_to_their_source(site: CollectedSite) -> None:
    site.collect(link=True)
    before = os.lstat(site.root / "robots.txt").st_ino
    os.symlink(site.source / "gone", site.root / "broken.txt")
    site.collect(link=True, clear=True)
    assert os.lstat(site.root / "robots.txt").st_ino == before
    assert not os.path.lexists(site.root / "broken.txt")


def test_clear_makes_way_for_a_folder_and_for_a_file(site: CollectedSite) -> None:
    put(site.root, "js", b"a file where a folder is to be")
    put(site.root, "robots.txt/left.txt", b"a folder where a file is to be")
    site.collect(clear=True)
    assert (site.root / "js/app.js").is_file()
    assert (site.root / "robots.txt").read_bytes() == SOURCE["robots.txt"]
    assert not wrong_files(site.root)


def test_clear_asks_first_and_says_what_it_keeps(
    site: CollectedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def refuse(question: str) -> str:
        asked.append(question)
        return "no"

    monkeypatch.setattr("builtins.input", refuse)
    put(site.root, "left.txt", b"x")
    with pytest.raises(CommandError, match="cancelled"):
        site.collect(interactive=True, clear=True)
    assert "DELETE ALL FILES in this location that are not part of the new" in asked[0]
    assert (site.root / "left.txt").exists()
    monkeypatch.setattr("builtins.input", lambda question: "yes")
    site.collect(interactive=True, clear=True)
    assert not (site.root / "left.txt").exists()


@pytest.mark.parametrize("content", [b"{", b'{"version": "9"}'])
def test_a_manifest_that_cannot_be_read_is_an_error_of_the_command(
    site: CollectedSite, content: bytes
) -> None:
    site.collect()
    put(site.root, "staticfiles.json", content)
    with pytest.raises(CommandError, match=r"root: .*staticfiles\.json.*Remove that file"):
        site.collect(clear=True)
    (site.root / "staticfiles.json").unlink()
    site.collect(clear=True)
    assert not wrong_files(site.root)


class OtherManifest(ManifestStaticFilesStorage):
    manifest_name = "names.json"


@pytest.mark.parametrize("apps", WITH_AND_WITHOUT_OURS)
def test_clear_keeps_a_manifest_with_a_name_of_the_projects_own(site: CollectedSite, apps: list[str]) -> None:
    with override_settings(INSTALLED_APPS=apps):
        for _ in range(2):
            site.collect(f"{OtherManifest.__module__}.{OtherManifest.__name__}", clear=True)
            assert (site.root / "names.json").is_file()
            assert not wrong_files(site.root)


def test_clear_removes_a_link_and_not_what_it_leads_to(site: CollectedSite, tmp_path: Path) -> None:
    site.collect()
    put(tmp_path, "outside/file.txt", b"x")
    (site.root / "linked").symlink_to(tmp_path / "outside")
    site.collect(clear=True)
    assert not os.path.lexists(site.root / "linked")
    assert (tmp_path / "outside/file.txt").exists()


def test_clear_keeps_the_files_of_djangos_storage_when_ours_takes_over(site: CollectedSite) -> None:
    site.collect(THEIRS)
    old = paths_of(site.root)["robots.txt"]
    put(site.source, "robots.txt", b"new")
    site.collect(clear=True)
    assert old in manifest_of(site.root).files
    assert not wrong_files(site.root)


def test_two_clearings_at_once_leave_one_whole_release(site: CollectedSite) -> None:
    for number in range(3):
        put(site.source, f"new-{number}.txt", b"%d" % number)
        with ThreadPoolExecutor() as threads:
            for done in [threads.submit(clear_in_process, site) for _ in range(2)]:
                assert done.result(120) == ""
        assert not wrong_files(site.root)
        assert all((site.root / path).is_file() for path in paths_of(site.root))


def clear_in_process(site: CollectedSite) -> str:
    """Run ``collectstatic --clear`` in a process of its own; return what it printed if it failed."""
    script = f"""
from pathlib import Path
from tests.support.collected_site import CollectedSite
site = CollectedSite.__new__(CollectedSite)
site.source, site.root = Path({str(site.source)!r}), Path({str(site.root)!r})
site.collect(clear=True)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def test_djangos_own_command_clears_nothing_of_a_release_that_is_being_built(site: CollectedSite) -> None:
    with override_settings(INSTALLED_APPS=["django.contrib.staticfiles"]):
        storage = site.collect()
        # The second is a delta of a file that a bundler named, against another of its files.
        for path in ("css/other.0123456789ab.css", "js/index-CqOJx3yz.js.Bx12KoO9.dcz"):
            put(site.root, path, b"a file of a release that another process builds")
            storage.delete(path)
            assert (site.root / path).exists()
            assert not storage.exists(path)
        put(site.source, "robots.txt", b"new")
        site.collect()  # another process puts a release in force
        new = paths_of(site.root)["robots.txt"]
        storage.delete(new)
        storage.delete("robots.txt")
        assert (site.root / new).exists()
        assert (site.root / "robots.txt").exists()


def test_an_error_names_the_file_and_not_a_temporary_one(site: CollectedSite) -> None:
    put(site.root, "css/taken", b"")

    def refuse(source: str, target: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", source, None, target)

    with (
        patch("hashserve.django.storage.building_storage.os.replace", refuse),
        pytest.raises(CommandError, match=r"root/[a-z./]+: No space left on device\. No release"),
    ):
        site.collect()


def test_clear_never_removes_the_lock_of_builds(site: CollectedSite) -> None:
    site.collect()
    before = os.stat(site.root / ".hashserve/lock").st_ino
    for apps in WITH_AND_WITHOUT_OURS:
        with override_settings(INSTALLED_APPS=apps):
            site.collect(clear=True)
        assert os.stat(site.root / ".hashserve/lock").st_ino == before


def test_the_command_ends_with_a_summary_unless_verbosity_is_0(
    site: CollectedSite, capsys: pytest.CaptureFixture[str]
) -> None:
    site.collect(verbosity=1)
    output = capsys.readouterr().out
    assert "6 static files copied" in output
    assert f"release {manifest_of(site.root).release} is in force" in output
    site.collect(verbosity=0)
    assert not capsys.readouterr().out


def test_the_second_release_has_deltas_and_the_summary_says_what_they_save(
    site: CollectedSite, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(2):
        put(site.source, "css/large.css", b"/* %d */\n" % number + RULES)
        site.collect(verbosity=1)
    manifest = manifest_of(site.root)
    [delta] = manifest.deltas_of(manifest.paths["css/large.css"])
    assert f"a visitor of the last release downloads {delta.size} B with deltas" in capsys.readouterr().out
    assert not wrong_files(site.root)
    with override_settings(HASHSERVE={"DELTAS": 0}):
        site.collect()
    assert manifest_of(site.root).deltas is None


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


def test_findings_have_the_same_headings_at_every_verbosity(
    site: CollectedSite, capsys: pytest.CaptureFixture[str]
) -> None:
    put(site.source, "css/lost.css", b"a { background: url(gone.png) }")
    put(site.source, "js/lost.js", b"console.log(2)\n//# sourceMappingURL=lost.js.map\n")
    for verbosity, mark in ((1, "; -v 2 lists them"), (2, ":")):
        site.collect(verbosity=verbosity)
        summary = capsys.readouterr().out.partition("is in force\n")[2].splitlines()
        assert summary[0] == "1 warning:"
        assert "gone.png" in summary[1]
        assert summary[2] == f"1 source map that no page loads is missing{mark}"
        assert ["lost.js.map" in line for line in summary[3:]] == [True] * (verbosity - 1)


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
    with pytest.raises(CommandError, match=r"js exists and is not a directory\. No release is published"):
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


def test_names_that_write_to_the_terminal_are_spelt_visibly(
    site: CollectedSite, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "a\x1b[2J\x9b\u202e\u2028"
    put(site.source, f"{name}.css", f"a {{ background: url('{name}.png') }}".encode())
    put(site.source, f"{name.upper()}.CSS", b"a {}")
    site.collect(verbosity=2)
    out, err = capsys.readouterr()
    assert rf"Copying '{site.source}/a\x1b[2J\x9b\u202e\u2028.css'" in out
    assert [line for line in (out + err).split("\n") if not line.isprintable()] == []
    put(site.source, f"{name}\nforged.css", b"")
    with pytest.raises(CommandError) as caught:
        site.collect()
    assert str(caught.value).isprintable()


def test_folders_that_are_too_deep_for_djangos_finders_are_an_error_with_a_remedy(
    site: CollectedSite,
) -> None:
    deep_folder(site.source, 250, {"app.css": STYLES})
    with shallow_recursion(150), pytest.raises(CommandError, match="leave them out with --ignore"):
        site.collect()
