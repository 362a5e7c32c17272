"""Which content each path of the output will hold."""

from __future__ import annotations

import pytest

from hashserve import AssetRecord, SourceError
from hashserve.builder.output.plan import PublishedFile, conflicting_path, content_key, plan_output

SIZES = {"one": {"br": 3}}


def published(**paths: str) -> dict[str, PublishedFile]:
    """Files by logical path, each with the content that it is called by."""
    return {path: PublishedFile(path=path, size=10, sha256=content) for path, content in paths.items()}


def named(logical_path: str, path: str, content: str) -> dict[str, PublishedFile]:
    return {logical_path: PublishedFile(path=path, size=10, sha256=content)}


def test_every_path_of_a_file_and_of_its_variants_is_planned() -> None:
    plan = plan_output(named("a", "a.1", "one"), named("a", "a", "one"), SIZES)
    assert plan == {
        "staticfiles.json": "",
        "a.1": content_key("one"),
        "a.1.br": content_key("one", "br"),
        "a": content_key("one"),
        "a.br": content_key("one", "br"),
    }


def test_a_path_that_a_variant_has_too_holds_the_variant() -> None:
    files = {**named("a", "a.1", "one"), **named("a.br", "a.2.br", "two")}
    plan = plan_output(files, published(**{"a": "one", "a.br": "two"}), SIZES)
    assert plan["a.br"] == content_key("one", "br")


@pytest.mark.parametrize(
    ("files", "unhashed"),
    [
        ({**named("a", "x", "one"), **named("b", "x", "two")}, {}),
        ({**named("a", "x", "one"), **named("b", "x.br", "two")}, {}),
        (named("a", "x", "one"), published(x="two")),
        (named("a", "staticfiles.json", "one"), {}),
    ],
)
def test_a_path_that_would_hold_two_contents_is_refused(
    files: dict[str, PublishedFile], unhashed: dict[str, PublishedFile]
) -> None:
    with pytest.raises(SourceError, match="rename"):
        plan_output(files, unhashed, SIZES)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("b.1", None),
        ("a.1", None),  # with the content that it has now
        ("a", "a"),
        ("a/b", "a"),  # a file of the release is where its folder would be
        ("c", "c"),  # a folder of the release is where it would be
        (".hashserve/b.1", ".hashserve"),
    ],
)
def test_a_retained_file_keeps_its_path_unless_another_has_it(path: str, expected: str | None) -> None:
    plan = {"a": content_key("other"), "a.1": content_key("one"), "c/d": content_key("one")}
    assert conflicting_path(AssetRecord(path=path, size=10, sha256="one"), plan, {"c"}) == expected


def test_a_retained_file_conflicts_where_its_variant_does() -> None:
    record = AssetRecord(path="a.1", size=10, sha256="one", variants={"br": 3})
    assert conflicting_path(record, {"a.1.br": content_key("one", "br")}) is None
    assert conflicting_path(record, {"a.1.br": content_key("other", "br")}) == "a.1.br"
