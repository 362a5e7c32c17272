"""The page for users of WhiteNoise: every public name, every difference, and the example."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import brotli
import pytest

from hashserve import HashServe
from hashserve.whitenoise_names import FOR_MIDDLEWARE, FOR_STORAGE, FOR_WRAPPER
from tests.docs.test_readme import PROJECT, blocks
from tests.support.client import request, wrapped_application
from tests.support.django_client import project
from tests.support.files import put

PAGE = (PROJECT / "docs" / "from-whitenoise.md").read_text(encoding="utf-8")


def rows(head: str) -> dict[str, str]:
    """Return the texts of a table by the names in its first column, without the marks of code."""
    (table,) = re.findall(
        rf"^\| name in `{head}` \| here \|\n\| --- .*\n((?:\|.*\n)+)", PAGE, flags=re.MULTILINE
    )
    found: dict[str, str] = {}
    for line in table.splitlines():
        names, text = [cell.strip() for cell in line.strip("|").split(" | ")]
        for name in re.findall(r"`(\w+)`", names):
            assert name not in found
            found[name] = text.replace("`", "")
    return found


def public(names: Any) -> set[str]:
    return {name for name in names if not name.startswith("_")}


def test_every_public_name_of_whitenoise_is_on_the_page() -> None:
    with project():
        from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
        from whitenoise import WhiteNoise
        from whitenoise.middleware import WhiteNoiseMiddleware
        from whitenoise.storage import CompressedManifestStaticFilesStorage

        wrapper = public(dir(WhiteNoise(wrapped_application)))
        middleware = public(dir(WhiteNoiseMiddleware(lambda request: None))) - wrapper
        storage = public(dir(CompressedManifestStaticFilesStorage)) - public(dir(ManifestStaticFilesStorage))
    assert rows("WhiteNoise").keys() == wrapper | {"get_response", "config_attrs", "is_immutable_file"}
    before_6 = {"check_settings", "config_attrs", "configure_from_settings", "process_request"}
    assert rows("WhiteNoiseMiddleware").keys() == middleware - {"get_response"} | before_6
    assert rows("CompressedManifestStaticFilesStorage").keys() == storage


@pytest.mark.parametrize(
    ("head", "names"),
    [
        ("WhiteNoise", FOR_WRAPPER),
        (
            "WhiteNoiseMiddleware",
            {
                name: text
                for name, text in FOR_MIDDLEWARE.items()
                if name not in FOR_WRAPPER and name != "application"
            },
        ),
        ("CompressedManifestStaticFilesStorage", FOR_STORAGE),
    ],
)
def test_the_page_says_of_each_refused_name_what_the_error_says(head: str, names: dict[str, str]) -> None:
    found = rows(head)
    assert {name: found[name] for name in names} == dict(names)


def test_every_other_name_is_there(tmp_path: Path) -> None:
    application = HashServe(wrapped_application, tmp_path)
    for name in rows("WhiteNoise").keys() - FOR_WRAPPER.keys() - {"get_response"}:
        assert hasattr(application, name), name
    with project():
        from hashserve.django.middleware import HashServeMiddleware

        middleware = HashServeMiddleware(lambda request: None)
        names = rows("WhiteNoise").keys() | rows("WhiteNoiseMiddleware").keys()
        for name in names - FOR_MIDDLEWARE.keys():
            assert hasattr(middleware, name), name


def whitenoise(root: Path, **settings: Any) -> Any:
    from whitenoise import WhiteNoise

    return WhiteNoise(wrapped_application, root=str(root), prefix="/static/", **settings)


def test_any_coding_gets_a_variant_here_and_identity_there(tmp_path: Path) -> None:
    assert "`Accept-Encoding: *` gets the smallest variant" in PAGE
    put(tmp_path, "app.css", b"a { color: red }\n" * 50)
    put(tmp_path, "app.css.br", brotli.compress(b"a { color: red }\n" * 50))
    ours = HashServe(wrapped_application, tmp_path, "/static/")
    assert request(ours, "/static/app.css", accept_encoding="*")["Content-Encoding"] == "br"
    theirs = request(whitenoise(tmp_path), "/static/app.css", accept_encoding="*")
    assert "Content-Encoding" not in theirs


def test_a_small_file_has_a_variant_there_and_none_here(tmp_path: Path) -> None:
    from whitenoise.compress import Compressor

    assert "unless that saves 64 bytes and 5 %" in PAGE
    from hashserve import build

    file = put(tmp_path, "source/a.txt", b"a { color: red }\n" * 4)
    build(tmp_path / "source", tmp_path / "static")
    assert not [path for path in (tmp_path / "static").iterdir() if path.suffix in (".br", ".gz")]
    assert Compressor(quiet=True).compress(str(file))


def test_a_folder_that_appears_later_is_served_here_and_not_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert "A folder that does not exist is logged" in PAGE
    folder = tmp_path / "later"
    ours = HashServe(wrapped_application, folder, "/static/")
    with pytest.warns(UserWarning, match="No directory at"):
        theirs = whitenoise(folder)
    put(folder, "a.txt", b"later")
    assert "there is no folder at" in caplog.text
    assert request(ours, "/static/a.txt").body == b"later"
    assert request(theirs, "/static/a.txt").body != b"later"


def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "static/vendor/lib.js", b"lib")
    put(tmp_path, "media/cat.txt", b"cat")
    scope: dict[str, Any] = {}
    for block in blocks("docs/from-whitenoise.md", "python"):
        exec(compile(block, "docs/from-whitenoise.md", "exec"), scope)
    application = scope["application"]
    assert "immutable" in request(application, "/static/vendor/lib.js")["Cache-Control"]
    assert request(application, "/media/cat.txt").body == b"cat"
