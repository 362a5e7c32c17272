"""Whose each name in the output is."""

from __future__ import annotations

import pytest

from hashserve import AssetRecord, SourceError
from hashserve.builder.compression.variants import PublishedFile
from hashserve.builder.output.claims import claim, claims_of, is_free

SIZES = {"one": {"br": 3}}


def published(**paths: str) -> dict[str, PublishedFile]:
    """Files by logical path, each with the content that it is called by."""
    return {path: PublishedFile(path=path, size=10, sha256=content) for path, content in paths.items()}


def named(logical_path: str, path: str, content: str) -> dict[str, PublishedFile]:
    return {logical_path: PublishedFile(path=path, size=10, sha256=content)}


def test_every_name_of_a_file_and_of_its_variants_is_claimed() -> None:
    claims = claims_of(named("a", "a.1", "one"), named("a", "a", "one"), SIZES)
    assert claims == {
        "staticfiles.json": "",
        "a.1": claim("one"),
        "a.1.br": claim("one", "br"),
        "a": claim("one"),
        "a.br": claim("one", "br"),
    }


def test_a_name_that_a_variant_could_have_is_the_variants() -> None:
    files = {**named("a", "a.1", "one"), **named("a.br", "a.2.br", "two")}
    claims = claims_of(files, published(**{"a": "one", "a.br": "two"}), SIZES)
    assert claims["a.br"] == claim("one", "br")


@pytest.mark.parametrize(
    ("files", "unhashed"),
    [
        ({**named("a", "x", "one"), **named("b", "x", "two")}, {}),
        ({**named("a", "x", "one"), **named("b", "x.br", "two")}, {}),
        (named("a", "x", "one"), published(x="two")),
        (named("a", "staticfiles.json", "one"), {}),
    ],
)
def test_a_name_that_would_be_two_things_is_refused(
    files: dict[str, PublishedFile], unhashed: dict[str, PublishedFile]
) -> None:
    with pytest.raises(SourceError, match="is the name of"):
        claims_of(files, unhashed, SIZES)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("b.1", True),
        ("a.1", True),  # with the content that it has now
        ("a", False),
        ("a/b", False),  # a file of the release stands where its folder would be
        (".hashserve/b.1", False),
    ],
)
def test_a_retained_file_keeps_its_name_unless_that_is_taken(path: str, expected: bool) -> None:
    claims = {"a": claim("other"), "a.1": claim("one")}
    assert is_free(AssetRecord(path=path, size=10, sha256="one"), claims) is expected
