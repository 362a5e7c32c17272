"""Assets and their representations: fields, validators and entity-tags."""

from __future__ import annotations

import pytest

from hashserve.http.entity_tags import EntityTag
from hashserve.http.messages import Headers, StoredFile
from hashserve.http.preconditions import Validators
from hashserve.serve.assets import BY_CODING, Asset, asset_of, content_tag, entity_tag, representation_of

SHA256 = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG="
ETAG = EntityTag("abcdefghijklmnopqrstuv")
FILES = [
    StoredFile("/a.txt", size=1000, coding="identity", sha256=SHA256),
    StoredFile("/a.txt.br", size=255, coding="br", sha256=SHA256),
    StoredFile("/a.txt.gz", size=400, coding="gzip", sha256=SHA256),
]


def asset(fields: Headers | None = None, *, last_modified: int | None = None, varies: bool = True) -> Asset:
    return asset_of(FILES, fields or [], last_modified=last_modified, varies_by=BY_CODING if varies else ())


def test_an_asset_has_a_representation_and_a_size_for_each_file() -> None:
    made = asset()
    assert made.sizes == {"identity": 1000, "br": 255, "gzip": 400}
    assert [form.content for form in made.representations.values()] == FILES
    assert list(made.representations) == ["identity", "br", "gzip"]
    assert made.sha256 == SHA256


def test_a_variant_that_is_left_out_is_in_neither_table_and_vary_stays() -> None:
    made = asset()
    left = made.without(made.representations["br"])
    assert list(left.representations) == list(left.sizes) == ["identity", "gzip"]
    assert left.fields == [("Vary", "Accept-Encoding")]


def test_the_tag_of_a_variant_has_its_coding_and_its_size_in_hexadecimal() -> None:
    assert entity_tag(SHA256, "identity", 255) == ETAG
    assert entity_tag(SHA256, "br", 255) == EntityTag("abcdefghijklmnopqrstuv-brff")


def test_a_representation_names_its_tag_and_its_coding() -> None:
    identity, brotli = (representation_of(file, content_tag(file)) for file in FILES[:2])
    assert identity.fields == [("ETag", str(ETAG)), ("Accept-Ranges", "bytes")]
    assert brotli.fields == [
        ("ETag", '"abcdefghijklmnopqrstuv-brff"'),
        ("Accept-Ranges", "bytes"),
        ("Content-Encoding", "br"),
    ]
    assert (brotli.coding, brotli.size, brotli.content) == ("br", 255, FILES[1])


@pytest.mark.parametrize(
    ("hooks", "varies", "merged"),
    [
        ([], True, "Accept-Encoding"),
        ([], False, None),
        (["Cookie"], True, "Cookie, Accept-Encoding"),
        (["Cookie", "Origin"], True, "Cookie, Origin, Accept-Encoding"),
        (["accept-encoding,Cookie"], True, "accept-encoding,Cookie"),
        (["*"], True, "*"),
        (["Cookie"], False, "Cookie"),
    ],
)
def test_vary_is_the_hooks_own_and_accept_encoding(
    hooks: list[str], varies: bool, merged: str | None
) -> None:
    fields = asset([("vary", value) for value in hooks], varies=varies).fields
    assert fields == ([] if merged is None else [("Vary", merged)])


def test_a_modification_date_is_a_field_and_a_validator() -> None:
    made = asset(last_modified=0, varies=False)
    assert made.fields == [("Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT")]
    assert made.last_modified == 0


@pytest.mark.parametrize(("value", "moment"), [("Thu, 01 Jan 1970 00:00:09 GMT", 9), ("yesterday", None)])
def test_a_hooks_own_modification_date_replaces_the_files(value: str, moment: int | None) -> None:
    made = asset([("last-modified", value)], last_modified=0, varies=False)
    assert made.last_modified == moment
    assert made.fields == ([] if moment is None else [("Last-Modified", value)])


def test_other_fields_stay_as_they_are_before_those_that_are_merged() -> None:
    fields = [("Vary", "Cookie"), ("content-type", "text/plain"), ("X-One", "1")]
    assert asset(fields).fields == [*fields[1:], ("Vary", "Cookie, Accept-Encoding")]


def test_another_cache_control_takes_the_place_of_any_there_was() -> None:
    made = asset([("cache-control", "a"), ("Cache-Control", "b"), ("X-One", "1")], varies=False)
    assert made.with_cache_control("no-cache").fields == [("X-One", "1"), ("Cache-Control", "no-cache")]


@pytest.mark.parametrize(
    ("selected", "accept_encoding", "others"),
    [
        ("identity", None, ["br", "gzip"]),
        ("identity", "gzip", ["gzip"]),
        ("br", "br", ["identity"]),
        ("br", "br, gzip", ["identity", "gzip"]),
    ],
)
def test_the_tags_of_other_codings_count_where_the_client_accepts_them(
    selected: str, accept_encoding: str | None, others: list[str]
) -> None:
    made = asset(last_modified=9)
    form = made.representations[selected]
    tags = [tag for coding in others if (tag := made.representations[coding].etag) is not None]
    assert made.validators(form, accept_encoding) == Validators(form.etag, tags, 9)
