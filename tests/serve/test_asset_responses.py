"""The whole response, with every field in order, to each kind of request for one asset."""

from __future__ import annotations

import pytest

from hashserve.http.messages import FileSpan, Headers, Request, Response, StoredFile
from hashserve.http.responses import ANY_ORIGIN, METHODS
from hashserve.serve.asset_responses import not_modified, respond
from hashserve.serve.assets import BY_CODING, Asset, asset_of

COMMON = [ANY_ORIGIN]
SHA256 = "ab/cd+efghijklmnopqrstuvwxyz0123456789ABCDEF="
ETAG = '"ab/cd+efghijklmnopqrst"'
BROTLI_ETAG = '"ab/cd+efghijklmnopqrst-br4"'
FILE = StoredFile("/root/a.txt", size=10, coding="identity", sha256=SHA256)
BROTLI = StoredFile("/root/a.txt.br", size=4, coding="br", sha256=SHA256)
MODIFIED = ("Last-Modified", "Sun, 09 Sep 2001 01:46:40 GMT")
FIELDS = [("content-type", "text/plain"), ("Cache-Control", "no-cache"), *COMMON]


def asset(*, varies: bool = True) -> Asset:
    files = [FILE, BROTLI] if varies else [FILE]
    return asset_of(files, FIELDS, last_modified=1_000_000_000, varies_by=BY_CODING if varies else ())


def get(**fields: str) -> Response:
    return respond(asset(), Request(method="GET", path="/a.txt")._replace(**fields), COMMON)


WHOLE: Headers = [*FIELDS, ("Vary", "Accept-Encoding"), MODIFIED]


def test_a_200_has_the_fields_of_asset_and_representation_and_the_whole_file() -> None:
    assert get() == Response(
        200,
        [*WHOLE, ("ETag", ETAG), ("Accept-Ranges", "bytes"), ("Content-Length", "10")],
        (FileSpan(FILE, 0, 10),),
    )


def test_a_variant_is_sent_with_its_own_tag_and_length() -> None:
    assert get(accept_encoding="br") == Response(
        200,
        [
            *WHOLE,
            ("ETag", BROTLI_ETAG),
            ("Accept-Ranges", "bytes"),
            ("Content-Encoding", "br"),
            ("Content-Length", "4"),
        ],
        (FileSpan(BROTLI, 0, 4),),
    )


def test_a_304_leaves_out_what_the_client_has_with_its_copy() -> None:
    expected = Response(304, [*FIELDS[1:], ("Vary", "Accept-Encoding"), ("ETag", ETAG)])
    assert get(if_none_match=ETAG) == expected
    assert not_modified(asset().fields, ETAG) == expected


def test_a_304_names_the_copy_that_the_client_has() -> None:
    response = get(if_none_match=BROTLI_ETAG, accept_encoding="gzip, br;q=0.5, identity")
    assert (response.status, dict(response.headers)["ETag"]) == (304, BROTLI_ETAG)


def test_a_copy_in_a_coding_that_is_not_accepted_is_not_kept() -> None:
    assert get(if_none_match=BROTLI_ETAG, accept_encoding="gzip").status == 200


def test_a_412_is_plain_text_with_the_common_fields() -> None:
    response = get(if_match='"other"')
    assert (response.status, response.body) == (412, (b"412 Precondition Failed\n",))
    assert ANY_ORIGIN in response.headers


def test_a_206_has_the_fields_of_the_200_and_those_of_its_range() -> None:
    assert get(range="bytes=2-4") == Response(
        206,
        [
            *WHOLE,
            ("ETag", ETAG),
            ("Accept-Ranges", "bytes"),
            ("Content-Range", "bytes 2-4/10"),
            ("Content-Length", "3"),
        ],
        (FileSpan(FILE, 2, 3),),
    )


@pytest.mark.parametrize(
    ("if_range", "status"), [(ETAG, 206), (BROTLI_ETAG, 200), (MODIFIED[1], 200), ('"other"', 200)]
)
def test_a_range_is_sent_only_of_the_representation_that_if_range_names(if_range: str, status: int) -> None:
    assert get(range="bytes=2-4", if_range=if_range).status == status


def test_a_range_field_that_is_ignored_leaves_the_whole() -> None:
    assert get(range="lines=1-2") == get()


def test_a_416_states_the_size_and_the_fields_that_a_cache_needs() -> None:
    response = get(range="bytes=10-")
    body = b"416 Range Not Satisfiable\n"
    assert response.body == (body,)
    assert response.headers == [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Cache-Control", "no-store"),
        *COMMON,
        ("Content-Range", "bytes */10"),
        ("Accept-Ranges", "bytes"),
        ("Vary", "Accept-Encoding"),
        ("Content-Length", str(len(body))),
    ]
    assert response.status == 416


def test_a_416_has_no_vary_where_the_asset_has_none() -> None:
    asked = Request(method="GET", path="/a.txt", range="bytes=10-")
    assert "Vary" not in dict(respond(asset(varies=False), asked, COMMON).headers)


def test_several_ranges_are_parts_that_each_state_their_type_and_range() -> None:
    response = get(range="bytes=0-1,5-7")
    boundary = "hashserve-ab_cd.efghijklmnopqrst"  # a token has no slash
    assert response.body == [
        f"\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/10\r\n\r\n".encode(),
        FileSpan(FILE, 0, 2),
        f"\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes 5-7/10\r\n\r\n".encode(),
        FileSpan(FILE, 5, 3),
        f"\r\n--{boundary}--\r\n".encode(),
    ]
    texts = sum(len(part) for part in response.body if isinstance(part, bytes))
    assert response.status == 206
    assert response.headers == [
        *WHOLE[1:],
        ("Content-Type", f"multipart/byteranges; boundary={boundary}"),
        ("ETag", ETAG),
        ("Accept-Ranges", "bytes"),
        ("Content-Length", str(texts + 5)),
    ]


@pytest.mark.parametrize("ranges", ["bytes=2-4", "bytes=0-1,5-7"])
def test_a_part_of_a_file_is_no_dictionary(ranges: str) -> None:
    dictionary = asset_of([FILE], [*FIELDS, ("Use-As-Dictionary", 'match="a.*.txt"')], varies_by=())
    whole, part = (
        respond(dictionary, Request(method="GET", path="/a.txt", range=each), COMMON)
        for each in (None, ranges)
    )
    assert (whole.status, part.status) == (200, 206)
    assert "Use-As-Dictionary" in dict(whole.headers)
    assert "Use-As-Dictionary" not in dict(part.headers)


def test_the_type_of_a_part_is_sent_as_the_bytes_that_a_hook_wrote() -> None:
    named = asset_of([FILE], [("Content-Type", 'text/plain; name="\xe9"')], varies_by=())
    response = respond(named, Request(method="GET", path="/a.txt", range="bytes=0-1,5-7"), COMMON)
    (first, *_) = response.body
    assert isinstance(first, bytes)
    assert b'name="\xe9"' in first


def test_options_and_other_methods_get_no_file() -> None:
    options = respond(asset(), Request(method="OPTIONS", path="/a.txt"), COMMON)
    assert (options.status, options.headers) == (204, [("Allow", METHODS), *COMMON])
    refused = respond(asset(), Request(method="POST", path="/a.txt"), COMMON)
    assert refused.status == 405
    assert ANY_ORIGIN in refused.headers
