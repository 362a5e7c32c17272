"""What is built of the collected files, compared with Django's own storage."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import brotli
import pytest
from django.core.management import CommandError
from django.test import override_settings

from hashserve.django.storage import ManifestStaticFilesStorage
from tests.support.building import manifest_of, snapshot, wrong_files
from tests.support.collected_site import OURS, SOURCE, STYLES, THEIRS, CollectedSite, paths_of
from tests.support.files import put


class WithoutModules(ManifestStaticFilesStorage):
    support_js_module_import_aggregation = False


def test_names_bytes_and_manifest_equal_those_of_djangos_storage(site: CollectedSite, tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    site.collect(THEIRS, root=theirs)
    site.collect(OURS, root=ours)
    for path in theirs.rglob("*"):
        if path.is_file() and path.name != "staticfiles.json":
            assert (ours / path.relative_to(theirs)).read_bytes() == path.read_bytes()
    expected = json.loads((theirs / "staticfiles.json").read_bytes())
    found = json.loads((ours / "staticfiles.json").read_bytes())
    assert {key: found[key] for key in expected} == expected


def test_imports_in_scripts_are_rewritten_unless_the_storage_forbids_it(site: CollectedSite) -> None:
    put(site.source, "js/main.js", b'import "./part.js";\n')
    put(site.source, "js/part.js", b"export {};\n")
    site.collect()
    paths = paths_of(site.root)
    name = os.path.basename(paths["js/part.js"])
    # Spelt as Django's storage spells it, so that both give it the same name.
    assert (site.root / paths["js/main.js"]).read_bytes() == b'import"./%b";\n' % name.encode()
    paths = site.collect_with(WithoutModules)
    assert (site.root / paths["js/main.js"]).read_bytes() == b'import "./part.js";\n'


def test_references_of_a_file_can_be_left_as_they_are(site: CollectedSite) -> None:
    with override_settings(HASHSERVE={"LEAVE_REFERENCES": ["css/app.*"]}):
        site.collect()
    paths = paths_of(site.root)
    assert (site.root / paths["css/app.css"]).read_bytes() == STYLES
    assert paths["css/app.css"] != "css/app.css"


def test_a_reference_to_a_missing_file_is_logged_and_stays(
    site: CollectedSite, caplog: pytest.LogCaptureFixture
) -> None:
    put(site.source, "css/lost.css", b"a { background: url(gone.png) }")
    site.collect()
    assert "css/lost.css:1:21: url() refers to 'gone.png'" in caplog.text.replace(
        str(site.source) + os.sep, ""
    )
    assert b"url(gone.png)" in (site.root / paths_of(site.root)["css/lost.css"]).read_bytes()


def test_a_wrong_setting_of_the_build_is_named_as_the_project_wrote_it(site: CollectedSite) -> None:
    with (
        override_settings(HASHSERVE={"PREVIOUS": "s3://bucket"}),
        pytest.raises(CommandError, match=r"^HASHSERVE\[\"PREVIOUS\"\]='s3://bucket': must be a folder"),
    ):
        site.collect()


def test_a_build_cache_that_cannot_be_made_is_named_as_the_project_wrote_it(
    site: CollectedSite, tmp_path: Path
) -> None:
    put(tmp_path, "file", b"")
    with (
        override_settings(HASHSERVE={"BUILD_CACHE": str(tmp_path / "file/cache")}),
        pytest.raises(CommandError, match=r'choose another HASHSERVE\["BUILD_CACHE"\]$'),
    ):
        site.collect()


@pytest.mark.parametrize(
    ("settings", "file", "folder"),
    [
        ({}, 0o644, 0o700),
        ({"FILE_UPLOAD_PERMISSIONS": 0o640, "FILE_UPLOAD_DIRECTORY_PERMISSIONS": 0o750}, 0o640, 0o750),
        ({"FILE_UPLOAD_PERMISSIONS": None}, 0o600, 0o700),
    ],
)
def test_files_and_folders_have_the_permissions_of_djangos_settings(
    site: CollectedSite, settings: dict[str, int | None], file: int, folder: int
) -> None:
    before = os.umask(0o077)
    try:
        with override_settings(**settings):
            site.collect()
    finally:
        os.umask(before)
    published = [path for path in site.root.rglob("*") if ".hashserve" not in path.parts]
    assert {stat.S_IMODE(path.stat().st_mode) for path in published if path.is_file()} == {file}
    assert {stat.S_IMODE(path.stat().st_mode) for path in published if path.is_dir()} == {folder}


def test_a_strict_collection_fails_for_a_missing_file_and_the_release_stays(
    site: CollectedSite,
) -> None:
    site.collect()
    before = (site.root / "staticfiles.json").read_bytes()
    put(site.source, "css/lost.css", b"a { background: url(gone.png) }")
    with override_settings(HASHSERVE={"STRICT": True}), pytest.raises(CommandError, match=r"gone\.png"):
        site.collect()
    assert (site.root / "staticfiles.json").read_bytes() == before


def test_files_that_import_each_other_in_a_circle_are_no_problem(site: CollectedSite) -> None:
    put(site.source, "one.css", b'@import "two.css";')
    put(site.source, "two.css", b'@import "one.css";')
    site.collect()
    paths = paths_of(site.root)
    for one, other in (("one.css", "two.css"), ("two.css", "one.css")):
        assert paths[other].encode() in (site.root / paths[one]).read_bytes()


def test_a_stylesheet_that_is_not_utf_8_is_no_problem(site: CollectedSite) -> None:
    put(site.source, "latin.css", "a::after { content: 'é' }".encode("latin-1"))
    site.collect()
    assert not wrong_files(site.root)


def test_every_listed_file_and_variant_is_correct_and_originals_stay(site: CollectedSite) -> None:
    site.collect()
    assert not wrong_files(site.root)
    for path, content in SOURCE.items():
        assert (site.root / path).read_bytes() == content
    assert brotli.decompress((site.root / "css/app.css.br").read_bytes()) == STYLES


def test_an_unchanged_collection_writes_nothing(site: CollectedSite) -> None:
    site.collect()
    before = snapshot(site.root)
    site.collect()
    assert snapshot(site.root) == before


def test_an_outdated_copy_that_is_newer_than_its_source_is_replaced(site: CollectedSite) -> None:
    site.collect()
    put(site.source, "robots.txt", b"Disallow: /\n")
    os.utime(site.source / "robots.txt", (1, 1))  # as pip and git leave times: Django takes it for unmodified
    site.collect()
    assert (site.root / "robots.txt").read_bytes() == b"Disallow: /\n"
    assert (site.root / paths_of(site.root)["robots.txt"]).read_bytes() == b"Disallow: /\n"


def test_as_many_old_releases_stay_as_the_settings_say(site: CollectedSite) -> None:
    names = []
    for number in range(4):
        put(site.source, "robots.txt", b"release %d" % number)
        with override_settings(HASHSERVE={"KEEP": 2, "KEEP_DAYS": 0}):
            site.collect()
        names.append(paths_of(site.root)["robots.txt"])
    assert len(manifest_of(site.root).releases) == 1
    assert (site.root / names[2]).read_bytes() == b"release 2"
    assert names[1] not in manifest_of(site.root).files


def test_the_release_of_djangos_storage_is_retained_when_ours_takes_over(site: CollectedSite) -> None:
    site.collect(THEIRS)
    old = paths_of(site.root)["robots.txt"]
    put(site.source, "robots.txt", b"new")
    site.collect(OURS)
    assert old in manifest_of(site.root).files


def test_only_hashed_files_are_kept_if_the_settings_say_so(site: CollectedSite) -> None:
    with override_settings(HASHSERVE={"KEEP_ONLY_HASHED_FILES": True}):
        for _ in range(2):
            site.collect()
            assert not [path for path in SOURCE if (site.root / path).exists()]
            assert not [path for path in SOURCE if (site.root / f"{path}.br").exists()]
            assert not wrong_files(site.root)


def test_a_projects_own_compressed_file_is_not_overwritten(site: CollectedSite) -> None:
    own = brotli.compress(STYLES, quality=1)
    put(site.source, "css/app.css.br", own)
    site.collect()
    assert (site.root / "css/app.css.br").read_bytes() == own
    assert not wrong_files(site.root)


def test_fingerprints_have_the_digest_of_the_settings(site: CollectedSite) -> None:
    with override_settings(HASHSERVE={"DIGEST": "sha256", "DIGEST_LENGTH": 20}):
        site.collect()
    assert len(paths_of(site.root)["robots.txt"]) == len("robots..txt") + 20


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"BUILD_CACHE": "source/robots.txt/cache"}, 'choose another HASHSERVE["BUILD_CACHE"]'),
        ({"BUILD_CACHE": "root/cache"}, 'HASHSERVE["BUILD_CACHE"]='),
        ({"STRICT": True}, 'build without HASHSERVE["STRICT"]'),
        ({"PREVIOUS": "ftp://a.example/"}, "HASHSERVE[\"PREVIOUS\"]='ftp://a.example/': "),
        (
            {"PREVIOUS": "none", "REQUIRE_PREVIOUS": True},
            'check HASHSERVE["PREVIOUS"], or build without HASHSERVE["REQUIRE_PREVIOUS"]',
        ),
    ],
)
def test_an_error_of_a_build_names_settings_as_a_project_writes_them(
    site: CollectedSite, monkeypatch: pytest.MonkeyPatch, settings: dict[str, object], expected: str
) -> None:
    monkeypatch.chdir(site.root.parent)
    put(site.source, "css/lost.css", b"a { background: url(gone.png) }")
    with override_settings(HASHSERVE=settings), pytest.raises(CommandError) as raised:
        site.collect()
    assert expected in str(raised.value)
    assert "{setting" not in str(raised.value)


# Dates


def dated(site: CollectedSite, path: str, date: int, content: bytes | None = None) -> None:
    if content is not None:
        put(site.source, path, content)
    os.utime(site.source / path, (date, date))


def date_of(site: CollectedSite, path: str) -> int:
    return int((site.root / path).stat().st_mtime)


def test_a_file_that_is_collected_first_has_the_date_of_its_source(site: CollectedSite) -> None:
    for path in ("robots.txt", "css/app.css"):
        dated(site, path, 1_500_000_000)
    site.collect()
    assert date_of(site, "robots.txt") == date_of(site, "css/app.css") == 1_500_000_000
    before = snapshot(site.root)
    site.collect()
    assert snapshot(site.root) == before
    dated(site, "robots.txt", 1_500_000_001, b"changed")
    site.collect()
    assert (site.root / "robots.txt").read_bytes() == b"changed"
    assert date_of(site, "robots.txt") > 1_600_000_000  # of the collection, as Django dates files


def test_a_file_that_replaces_another_never_gets_the_date_of_its_source(site: CollectedSite) -> None:
    put(site.root, "robots.txt", b"of no release")
    dated(site, "robots.txt", 1_500_000_000, b"changed")
    site.collect(clear=True)
    assert (site.root / "robots.txt").read_bytes() == b"changed"
    assert date_of(site, "robots.txt") > 1_600_000_000


def test_a_file_that_is_cleared_and_collected_again_keeps_its_date(site: CollectedSite) -> None:
    for path in ("robots.txt", "css/app.css"):
        dated(site, path, 1_500_000_000)
    site.collect()
    dated(site, "css/app.css", 1_400_000_000, STYLES + b"/* other */")
    site.collect(clear=True)
    assert date_of(site, "robots.txt") == 1_500_000_000
    assert (site.root / "css/app.css").read_bytes() == STYLES + b"/* other */"
    assert date_of(site, "css/app.css") > 1_600_000_000


def test_a_link_to_a_source_is_left_alone(site: CollectedSite) -> None:
    dated(site, "robots.txt", 1_500_000_000)
    site.collect(link=True)
    assert (site.root / "robots.txt").is_symlink()
    assert date_of(site, "robots.txt") == 1_500_000_000
