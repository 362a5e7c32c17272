"""Which representation a request selects, from values alone."""

from __future__ import annotations

import pytest

from hashserve.http.messages import Request, StoredFile
from hashserve.serve.assets import BY_DICTIONARY, Asset, asset_of, content_tag, representation_of
from hashserve.serve.negotiation import offered_deltas, saved_bytes, select, whole
from tests.support.deltas import available_dictionary

SHA256 = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG="
OLD, OLDER, OTHER = (available_dictionary(content).strip(":") for content in (b"old", b"older", b"other"))


def asset(*fields: tuple[str, str]) -> Asset:
    """Return an asset of 1000 bytes, 200 as br, with a delta of 20 bytes and one of 300."""
    files = [
        StoredFile("/a.js", 1000, "identity", SHA256),
        StoredFile("/a.js.br", 200, "br", SHA256),
    ]
    deltas = {}
    for digest, size in ((OLD, 20), (OLDER, 300)):
        dictionary = StoredFile("/old.js", 900, "identity", digest)
        file = StoredFile("/a.dcz", size, "dcz", SHA256, dictionary=dictionary, content_size=1000)
        deltas[digest] = representation_of(file, content_tag(file))
    return asset_of(files, list(fields), varies_by=BY_DICTIONARY)._replace(deltas=deltas)


def asked(digest: str = OLD, **fields: str | None) -> Request:
    known = {"available_dictionary": f":{digest}:", "accept_encoding": "br, dcz", **fields}
    return Request("GET", "/a.js")._replace(**known)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("accept_encoding", "coding"),
    [
        ("dcz", "dcz"),
        ("DCZ", "dcz"),
        ("br, dcz", "dcz"),
        ("br;q=0.5, dcz;q=0.5", "dcz"),
        ("br;q=0.6, dcz;q=0.5", "br"),
        ("br, dcz;q=0", "br"),
        ("dcz;q=0", "identity"),
        ("*", "br"),
        ("*;q=0.5, dcz", "dcz"),
        ("*, dcz;q=0", "br"),
        ("dcb", "identity"),
        ("dczz, br", "br"),
        ("", "identity"),
        (None, "identity"),
    ],
)
def test_a_delta_is_selected_by_qvalue_and_size_and_only_by_its_own_name(
    accept_encoding: str | None, coding: str
) -> None:
    request = asked(accept_encoding=accept_encoding)
    assert select(asset(), request).coding == coding
    assert (OLD in offered_deltas(asset(), accept_encoding)) == (coding == "dcz")


def test_a_delta_that_is_larger_than_a_variant_is_not_selected() -> None:
    assert select(asset(), asked(OLDER)).coding == "br"
    assert select(asset(), asked(OLDER, accept_encoding="dcz")).size == 300
    assert offered_deltas(asset(), "br, dcz") == [OLD]


def test_only_the_dictionary_that_is_named_is_used() -> None:
    assert select(asset(), asked(OTHER)).coding == "br"
    assert select(asset(), asked(available_dictionary=OLD)).coding == "br"  # not a byte sequence
    assert select(asset(), asked(available_dictionary=None)).coding == "br"
    assert select(asset()._replace(deltas={}), asked()).coding == "br"


def test_no_range_selects_a_delta() -> None:
    assert select(asset(), asked(range="bytes=0-9")).coding == "br"


@pytest.mark.parametrize(
    ("origin", "coding"), [("https://a.example", "dcz"), ("https://b.example", "br"), (None, "br")]
)
def test_a_page_of_another_origin_gets_a_delta_only_if_it_may_read_the_response(
    origin: str | None, coding: str
) -> None:
    request = asked(fetch_site="cross-site", fetch_mode="cors", origin=origin)
    assert select(asset(("access-control-allow-origin", "https://a.example")), request).coding == coding
    assert select(asset(), request).coding == "br"


def test_what_a_delta_saves_is_counted_from_the_best_variant_that_the_client_accepts() -> None:
    delta = select(asset(), asked())
    assert saved_bytes(asset(), asked(), delta) == 200 - 20
    assert saved_bytes(asset(), asked(accept_encoding="dcz"), delta) == 1000 - 20
    assert whole(asset(), asked()).coding == "br"


def test_two_deltas_of_one_file_have_two_strong_tags() -> None:
    tags = [delta.etag for delta in asset().deltas.values()]
    assert [str(tag) for tag in tags] == [
        f'"abcdefghijklmnopqrstuv-dcz14-{OLD[:11]}"',
        f'"abcdefghijklmnopqrstuv-dcz12c-{OLDER[:11]}"',
    ]


def test_an_asset_without_a_damaged_delta_has_the_others() -> None:
    made = asset()
    left = made.without(made.deltas[OLD])
    assert [*left.deltas] == [OLDER]
    assert left.representations == made.representations
