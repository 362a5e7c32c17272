"""The storage that `collectstatic` fills: Django's names, and what Django's does not do."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import brotli
import pytest
from django.contrib.staticfiles import storage as django_storage
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.test import override_settings

from hashserve import Manifest
from hashserve.builder.output.writer import Output
from hashserve.django.page_release import one_release
from hashserve.django.storage import ManifestStaticFilesStorage
from tests.support.building import manifest_of, put, snapshot, wrong_files
from tests.support.django_settings import configure

configure()

OURS = "hashserve.django.storage.ManifestStaticFilesStorage"
THEIRS = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"

STYLES = b'@import "base.css";\na { background: url(../img/a.svg?v=1#x) }\n' + b"/* space */\n" * 40
SOURCE = {
    "css/app.css": STYLES,
    "css/base.css": b"body { margin: 0 }\n" * 20,
    "img/a.svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "js/app.js": b"console.log(1)\n//# sourceMappingURL=app.js.map\n",
    "js/app.js.map": b"{}",
    "robots.txt": b"User-agent: *\n",
}


class Site:
    """A project with one source folder and a storage."""

    def __init__(self, folder: Path) -> None:
        self.source, self.root = folder / "source", folder / "root"
        self.source.mkdir()
        for path, content in SOURCE.items():
            put(self.source, path, content)

    def collect(self, backend: str = OURS, *, root: Path | None = None, **options: Any) -> Any:
        """Run ``collectstatic``; gives the storage that it filled."""
        storages = {
            "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
            "staticfiles": {"BACKEND": backend},
        }
        with override_settings(
            STATICFILES_DIRS=[self.source], STATIC_ROOT=str(root or self.root), STORAGES=storages
        ):
            call_command("collectstatic", **{"interactive": False, "verbosity": 0, **options})
            return django_storage.staticfiles_storage._wrapped

    def open_storage(self, kind: Callable[[], Any] = ManifestStaticFilesStorage) -> Any:
        """Make a storage as a process does that renders pages."""
        with override_settings(STATIC_ROOT=str(self.root)):
            return kind()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with override_settings(INSTALLED_APPS=["hashserve.django", "django.contrib.staticfiles"]):
        yield Site(tmp_path)


def paths_of(root: Path) -> dict[str, str]:
    return dict(json.loads((root / "staticfiles.json").read_bytes())["paths"])


# Names


def test_names_bytes_and_manifest_equal_those_of_djangos_own_storage(site: Site, tmp_path: Path) -> None:
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    site.collect(THEIRS, root=theirs)
    site.collect(OURS, root=ours)
    for path in theirs.rglob("*"):
        if path.is_file() and path.name != "staticfiles.json":
            assert (ours / path.relative_to(theirs)).read_bytes() == path.read_bytes()
    expected = json.loads((theirs / "staticfiles.json").read_bytes())
    found = json.loads((ours / "staticfiles.json").read_bytes())
    assert {key: found[key] for key in expected} == expected


def test_djangos_storage_reads_our_manifest_and_ours_reads_djangos(site: Site) -> None:
    site.collect(OURS)
    theirs = site.open_storage(django_storage.ManifestStaticFilesStorage)
    assert theirs.hashed_files == paths_of(site.root)
    site.collect(THEIRS)
    assert site.open_storage().hashed_files == paths_of(site.root)


def test_our_storage_is_djangos_and_its_lookups_are(site: Site) -> None:
    storage = site.collect()
    assert isinstance(storage, django_storage.ManifestStaticFilesStorage)
    assert storage.url("css/app.css") == f"/static/{paths_of(site.root)['css/app.css']}"
    assert storage.url("img/a.svg#x").endswith(".svg#x")
    with pytest.raises(ValueError, match=r"Missing .* entry for 'nothing\.css'"):
        storage.url("nothing.css")


def test_names_change_only_where_debug_is_off(site: Site) -> None:
    storage = site.collect()
    with override_settings(DEBUG=True):
        assert storage.url("css/app.css") == "/static/css/app.css"
        assert storage.integrity("css/app.css") == ""
    assert storage.url("css/app.css") != "/static/css/app.css"


class ConstantHash(ManifestStaticFilesStorage):
    def file_hash(self, name: str | None, content: Any = None) -> str | None:
        return "deploy12345"


class NoHash(ManifestStaticFilesStorage):
    def file_hash(self, name: str | None, content: Any = None) -> str | None:
        return None


class OwnNames(ManifestStaticFilesStorage):
    def hashed_name(self, name: str, content: Any = None, filename: str | None = None) -> str:
        hashed: str = super().hashed_name(name, content, filename)
        return f"v1/{hashed}"


class OwnPatterns(ManifestStaticFilesStorage):
    patterns = (
        *ManifestStaticFilesStorage.patterns,
        ("*.json", ((r'(?P<matched>"icon": "(?P<url>[^"]+)")', '"icon": "%(url)s"'),)),
    )


class WithoutModules(ManifestStaticFilesStorage):
    support_js_module_import_aggregation = False


def collected_with(site: Site, kind: type) -> dict[str, str]:
    site.collect(f"{__name__}.{kind.__name__}")
    return paths_of(site.root)


def test_a_file_hash_of_the_projects_own_is_heard(site: Site) -> None:
    paths = collected_with(site, ConstantHash)
    assert paths["css/app.css"] == "css/app.deploy12345.css"
    assert b"base.deploy12345.css" in (site.root / paths["css/app.css"]).read_bytes()


def test_a_file_hash_of_none_leaves_names_as_they_are_and_nothing_immutable(site: Site) -> None:
    paths = collected_with(site, NoHash)
    assert paths == {path: path for path in SOURCE}
    assert not manifest_of(site.root).files
    assert site.open_storage().url("css/app.css") == "/static/css/app.css"


def test_a_hashed_name_of_the_projects_own_is_heard(site: Site) -> None:
    paths = collected_with(site, OwnNames)
    assert paths["robots.txt"].startswith("v1/robots.")
    assert (site.root / paths["robots.txt"]).read_bytes() == SOURCE["robots.txt"]


def test_patterns_of_the_projects_own_find_more_references(site: Site) -> None:
    put(site.source, "app.json", '{"é": 1, "icon": "img/a.svg", "other": "img/a.svg"}'.encode())
    paths = collected_with(site, OwnPatterns)
    expected = {"é": 1, "icon": paths["img/a.svg"], "other": "img/a.svg"}
    assert json.loads((site.root / paths["app.json"]).read_bytes()) == expected


def test_imports_in_scripts_are_rewritten_unless_a_storage_says_no(site: Site) -> None:
    put(site.source, "js/main.js", b'import "./part.js";\n')
    put(site.source, "js/part.js", b"export {};\n")
    site.collect()
    paths = paths_of(site.root)
    name = os.path.basename(paths["js/part.js"])
    # Spelt as Django's storage spells it, so that both give it the same name.
    assert (site.root / paths["js/main.js"]).read_bytes() == b'import"./%b";\n' % name.encode()
    paths = collected_with(site, WithoutModules)
    assert (site.root / paths["js/main.js"]).read_bytes() == b'import "./part.js";\n'


# What Django's storage fails on


def test_a_reference_that_names_nothing_is_told_of_and_left(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    put(site.source, "css/lost.css", b"a { background: url(gone.png) }")
    site.collect()
    assert "css/lost.css:1:21: url() names 'gone.png'" in caplog.text.replace(str(site.source) + os.sep, "")
    assert b"url(gone.png)" in (site.root / paths_of(site.root)["css/lost.css"]).read_bytes()


def test_the_summary_tells_of_it_too(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    put(site.source, "css/lost.css", b"a { background: url(gone.png) }")
    site.collect(verbosity=1)
    assert "1 warning" in capsys.readouterr().out


def test_strict_fails_then_and_the_release_in_force_stays(site: Site) -> None:
    site.collect()
    before = (site.root / "staticfiles.json").read_bytes()
    put(site.source, "css/lost.css", b"a { background: url(gone.png) }")
    with override_settings(HASHSERVE={"STRICT": True}), pytest.raises(CommandError, match=r"gone\.png"):
        site.collect()
    assert (site.root / "staticfiles.json").read_bytes() == before


def test_files_that_import_each_other_in_a_circle_are_no_problem(site: Site) -> None:
    put(site.source, "one.css", b'@import "two.css";')
    put(site.source, "two.css", b'@import "one.css";')
    site.collect()
    paths = paths_of(site.root)
    for one, other in (("one.css", "two.css"), ("two.css", "one.css")):
        assert paths[other].encode() in (site.root / paths[one]).read_bytes()


def test_a_stylesheet_that_is_not_utf_8_is_no_problem(site: Site) -> None:
    put(site.source, "latin.css", "a::after { content: 'é' }".encode("latin-1"))
    site.collect()
    assert not wrong_files(site.root)


def test_a_bundlers_names_are_kept_also_under_a_prefix(site: Site, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    put(bundle, "assets/main-BRBmoGS9.js", b"console.log(2)")
    manifest = {"src/main.js": {"file": "assets/main-BRBmoGS9.js", "src": "src/main.js", "isEntry": True}}
    put(bundle, ".vite/manifest.json", json.dumps(manifest).encode())
    with override_settings(STATIC_ROOT=str(site.root), STATICFILES_DIRS=[("vue", bundle)]):
        storages = {"staticfiles": {"BACKEND": OURS}}
        with override_settings(STORAGES=storages):
            call_command("collectstatic", interactive=False, verbosity=0)
    storage = site.open_storage()
    assert storage.url("vue/src/main.js") == "/static/vue/assets/main-BRBmoGS9.js"
    assert storage.url("vue/assets/main-BRBmoGS9.js") == "/static/vue/assets/main-BRBmoGS9.js"
    assert set(manifest_of(site.root).files) == {"vue/assets/main-BRBmoGS9.js"}


def test_a_bundlers_names_are_kept_in_a_folder_of_an_app(site: Site) -> None:
    put(site.source, "shop/dist/assets/main-BRBmoGS9.js", b"console.log(2)")
    manifest = {"src/main.js": {"file": "assets/main-BRBmoGS9.js", "src": "src/main.js", "isEntry": True}}
    put(site.source, "shop/dist/.vite/manifest.json", json.dumps(manifest).encode())
    site.collect()
    url = "/static/shop/dist/assets/main-BRBmoGS9.js"
    assert site.open_storage().url("shop/dist/src/main.js") == url
    assert site.open_storage().url("shop/dist/assets/main-BRBmoGS9.js") == url
    assert manifest_of(site.root).record("shop/dist/assets/main-BRBmoGS9.js") is not None


def test_what_only_looks_like_a_bundlers_manifest_deep_in_a_package_is_no_failure(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    put(site.source, "shop/mix-manifest.json", b"{")
    put(site.source, "shop/app.js", b"console.log(3)")
    site.collect()
    assert "mix-manifest.json" in caplog.text
    assert paths_of(site.root)["shop/app.js"] != "shop/app.js"


# What is published


def test_every_listed_file_and_variant_is_right_and_originals_stay(site: Site) -> None:
    site.collect()
    assert not wrong_files(site.root)
    for path, content in SOURCE.items():
        assert (site.root / path).read_bytes() == content
    assert brotli.decompress((site.root / "css/app.css.br").read_bytes()) == STYLES


def test_an_unchanged_collection_writes_nothing(site: Site) -> None:
    site.collect()
    before = snapshot(site.root)
    site.collect()
    assert snapshot(site.root) == before


def test_an_outdated_copy_is_mended_that_is_newer_than_its_source(site: Site) -> None:
    site.collect()
    put(site.source, "robots.txt", b"Disallow: /\n")
    os.utime(site.source / "robots.txt", (1, 1))  # as pip and git leave times: Django takes it for unmodified
    site.collect()
    assert (site.root / "robots.txt").read_bytes() == b"Disallow: /\n"
    assert (site.root / paths_of(site.root)["robots.txt"]).read_bytes() == b"Disallow: /\n"


def test_old_releases_stay_and_as_many_as_settings_say(site: Site) -> None:
    names = []
    for number in range(4):
        put(site.source, "robots.txt", b"release %d" % number)
        with override_settings(HASHSERVE={"KEEP": 2, "KEEP_DAYS": 0}):
            site.collect()
        names.append(paths_of(site.root)["robots.txt"])
    assert len(manifest_of(site.root).releases) == 1
    assert (site.root / names[2]).read_bytes() == b"release 2"
    assert names[1] not in manifest_of(site.root).files


def test_the_release_of_djangos_storage_is_retained_when_ours_takes_over(site: Site) -> None:
    site.collect(THEIRS)
    old = paths_of(site.root)["robots.txt"]
    put(site.source, "robots.txt", b"new")
    site.collect(OURS)
    assert old in manifest_of(site.root).files


def test_only_hashed_files_are_kept_where_settings_say_so(site: Site) -> None:
    with override_settings(HASHSERVE={"KEEP_ONLY_HASHED_FILES": True}):
        for _ in range(2):
            site.collect()
            assert not [path for path in SOURCE if (site.root / path).exists()]
            assert not [path for path in SOURCE if (site.root / f"{path}.br").exists()]
            assert not wrong_files(site.root)


def test_a_projects_own_compressed_file_is_not_overwritten(site: Site) -> None:
    own = brotli.compress(STYLES, quality=1)
    put(site.source, "css/app.css.br", own)
    site.collect()
    assert (site.root / "css/app.css.br").read_bytes() == own
    assert not wrong_files(site.root)


def test_another_digest_is_heard(site: Site) -> None:
    with override_settings(HASHSERVE={"DIGEST": "sha256", "DIGEST_LENGTH": 20}):
        site.collect()
    assert len(paths_of(site.root)["robots.txt"]) == len("robots..txt") + 20


# Options of collectstatic


def test_a_dry_run_writes_nothing(site: Site) -> None:
    site.collect(dry_run=True)
    assert not site.root.exists()


def test_without_post_processing_files_are_copied_and_no_more(site: Site) -> None:
    site.collect(post_process=False)
    assert sorted(snapshot(site.root)) == sorted(SOURCE)


def test_clear_removes_what_is_there_first(site: Site) -> None:
    put(site.root, "left/over.txt", b"x")
    site.collect(clear=True)
    assert not (site.root / "left/over.txt").exists()
    assert not wrong_files(site.root)


def test_linked_originals_stay_links_and_fingerprinted_files_are_copies(site: Site) -> None:
    for _ in range(2):
        site.collect(link=True)
        assert os.readlink(site.root / "robots.txt") == str(site.source / "robots.txt")
        assert not (site.root / paths_of(site.root)["robots.txt"]).is_symlink()
    assert {path: (site.source / path).read_bytes() for path in SOURCE} == SOURCE


def test_the_command_ends_with_a_summary_unless_it_is_to_be_quiet(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.collect(verbosity=1)
    told = capsys.readouterr().out
    assert "6 static files copied" in told
    assert f"release {manifest_of(site.root).release} is in force" in told
    site.collect(verbosity=0)
    assert not capsys.readouterr().out


def test_the_command_leaves_other_storages_alone(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.collect("django.contrib.staticfiles.storage.StaticFilesStorage", verbosity=1)
    assert "release" not in capsys.readouterr().out
    assert not (site.root / "staticfiles.json").exists()


def test_nothing_to_collect_is_no_failure(site: Site) -> None:
    for path in SOURCE:
        (site.source / path).unlink()
    site.collect()
    assert paths_of(site.root) == {}


def test_a_folder_that_cannot_be_written_is_an_error_of_the_command(site: Site) -> None:
    put(site.root, "js", b"a file where a folder is to be")
    with pytest.raises(CommandError, match=r"js.* No release is published"):
        site.collect()


def test_one_collection_waits_for_another(site: Site) -> None:
    site.collect()
    no_wait = override_settings(HASHSERVE={"WAIT": 0})
    with Output(str(site.root)), no_wait, pytest.raises(CommandError, match="another build is writing"):
        site.collect()
    with ThreadPoolExecutor() as threads:
        with Output(str(site.root)):
            waiting = threads.submit(site.collect)
            assert wait([waiting], 0.5).not_done
        waiting.result(60)


def test_nothing_is_drawn_before_there_is_progress(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
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


def test_all_findings_are_listed_where_the_command_is_to_tell_more(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = "".join(f"a {{ background: url(gone-{number}.png) }}" for number in range(25))
    put(site.source, "css/lost.css", lost.encode())
    site.collect(verbosity=1)
    assert "5 more like these; -v 2 lists them all" in capsys.readouterr().out
    site.collect(verbosity=2)
    assert "gone-24.png" in capsys.readouterr().out.partition("is in force")[2]


# The manifest


def test_a_manifest_of_another_name_is_written_beside_ours(site: Site) -> None:
    paths = collected_with(site, OtherManifest)
    document = json.loads((site.root / "names.json").read_bytes())
    assert document["paths"] == paths
    assert site.open_storage(OtherManifest).hashed_files == paths


class OtherManifest(ManifestStaticFilesStorage):
    manifest_name = "names.json"


def test_entries_that_a_project_adds_before_saving_are_saved(site: Site) -> None:
    collected_with(site, AddsNames)
    manifest = Manifest.load(site.root / "staticfiles.json")
    assert manifest.paths["added.css"] == "theirs/added.0123456789ab.css"
    assert manifest.record(manifest.paths["css/app.css"]) is not None


class AddsNames(ManifestStaticFilesStorage):
    def save_manifest(self) -> None:
        self.hashed_files["added.css"] = "theirs/added.0123456789ab.css"
        super().save_manifest()


def test_integrity_is_that_of_the_file_the_url_names(site: Site) -> None:
    storage = site.collect()
    record = manifest_of(site.root).record(paths_of(site.root)["css/app.css"])
    assert record is not None
    assert storage.integrity("css/app.css") == f"sha256-{record.sha256}"
    assert set(storage.logical_paths()) == set(SOURCE)
    assert storage.release == manifest_of(site.root).release
    with pytest.raises(ValueError, match=r"nothing\.css"):
        storage.integrity("nothing.css")


def test_integrity_is_found_for_a_release_that_another_process_deployed(site: Site) -> None:
    site.collect()
    storage = site.open_storage()
    storage.integrity("robots.txt")
    put(site.source, "robots.txt", b"new")
    site.collect()
    assert storage.url("robots.txt") != site.open_storage().url("robots.txt")
    assert storage.integrity("robots.txt") != site.open_storage().integrity("robots.txt")


# Names that no release has


class Lenient(ManifestStaticFilesStorage):
    manifest_strict = False


def test_a_file_that_no_release_has_keeps_its_name_where_that_is_no_error(site: Site) -> None:
    site.collect()
    put(site.root, "later.css", b"a {}")
    assert site.open_storage(Lenient).url("later.css?v=1#x") == "/static/later.css?v=1#x"
    with pytest.raises(ValueError, match=r"later\.css"):
        site.open_storage().url("later.css")
    with pytest.raises(ValueError, match=r"gone\.css"):
        site.open_storage(Lenient).url("gone.css")


@pytest.mark.parametrize("kind", [ManifestStaticFilesStorage, Lenient])
def test_where_nothing_is_collected_the_error_says_what_to_do(site: Site, kind: type) -> None:
    with pytest.raises(ValueError, match=r"gone\.css.* Run manage\.py collectstatic\. In tests"):
        site.open_storage(kind).url("gone.css")


# Running processes


@pytest.fixture
def follows_at_once() -> Iterator[None]:
    with override_settings(HASHSERVE={"CHECK_INTERVAL": 0}):
        yield


@pytest.mark.usefixtures("follows_at_once")
def test_a_running_process_takes_over_the_names_of_a_new_release(site: Site) -> None:
    site.collect()
    storage = site.open_storage()
    old = storage.url("robots.txt")
    put(site.source, "robots.txt", b"new")
    site.collect()
    assert storage.url("robots.txt") == f"/static/{paths_of(site.root)['robots.txt']}" != old
    assert storage.release == manifest_of(site.root).release


@pytest.mark.usefixtures("follows_at_once")
def test_a_page_has_the_names_of_one_release_though_another_comes(site: Site) -> None:
    site.collect()
    storage = site.open_storage()
    put(site.source, "robots.txt", b"new")
    with one_release():
        url, digest = storage.url("robots.txt"), storage.integrity("robots.txt")
        site.collect()
        assert (storage.url("robots.txt"), storage.integrity("robots.txt")) == (url, digest)
    assert storage.url("robots.txt") != url


@pytest.mark.usefixtures("follows_at_once")
def test_what_a_new_release_lacks_is_found_in_that_of_the_process(site: Site) -> None:
    site.collect()
    storage = site.open_storage()
    old = storage.url("robots.txt")
    (site.source / "robots.txt").unlink()
    site.collect()
    assert storage.url("robots.txt") == old
    assert old.removeprefix("/static/") in manifest_of(site.root).files
    with pytest.raises(ValueError, match=r"robots\.txt"):
        site.open_storage().url("robots.txt")


@pytest.mark.usefixtures("follows_at_once")
def test_a_broken_or_missing_manifest_changes_no_name_of_a_running_process(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.collect()
    storage = site.open_storage()
    url = storage.url("robots.txt")
    put(site.root, "staticfiles.json", b"{")
    assert [storage.url("robots.txt") for _ in range(3)] == [url] * 3
    assert len([record for record in caplog.records if "is not used" in record.getMessage()]) == 1
    (site.root / "staticfiles.json").unlink()
    assert storage.url("robots.txt") == url


def test_the_manifest_is_looked_at_no_oftener_than_the_interval(site: Site) -> None:
    with override_settings(HASHSERVE={"CHECK_INTERVAL": 3600.0}):
        site.collect()
        storage = site.open_storage()
        url = storage.url("robots.txt")
        put(site.source, "robots.txt", b"new")
        site.collect()
        assert storage.url("robots.txt") == url


def test_a_file_is_saved_whole_or_not_at_all(site: Site) -> None:
    storage = site.open_storage()
    storage.save("a/b.txt", ContentFile(b"whole"))
    with pytest.raises(RuntimeError):
        storage.save("a/c.txt", Breaking(b"half"))
    assert [path.name for path in (site.root / "a").iterdir() if not path.name.startswith(".")] == ["b.txt"]


def test_what_was_begun_of_a_file_that_is_not_saved_is_removed(site: Site) -> None:
    with pytest.raises(RuntimeError):
        site.open_storage().save("a/c.txt", Breaking(b"half"))
    assert not list((site.root / "a").iterdir())


def test_a_name_as_long_as_the_file_system_takes_can_be_saved(site: Site) -> None:
    name = f"{'n' * 251}.txt"
    site.open_storage().save(name, ContentFile(b"whole"))
    assert (site.root / name).read_bytes() == b"whole"


class Breaking(ContentFile):
    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        yield b"ha"
        raise RuntimeError
