from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashserve.http.dates import format_date
from hashserve.http.entity_tags import EntityTag
from hashserve.http.messages import Request
from hashserve.http.preconditions import (
    NotModified,
    PreconditionFailed,
    Validators,
    evaluate,
    if_match_holds,
    if_modified_since_holds,
    if_none_match_finds,
    if_unmodified_since_holds,
    range_applies,
)
from tests.support.hypothesis_profile import ANY_TEXT, QUICK, texts_of

ETAG = EntityTag("now")
GZIP = EntityTag("now-gzip")
BROTLI = EntityTag("now-br")
MODIFIED = 1_000_000_000
BEFORE, THEN, AFTER = (format_date(MODIFIED + seconds) for seconds in (-1, 0, 1))
VALIDATORS = Validators(etag=ETAG, others=(GZIP, BROTLI), last_modified=MODIFIED)
SINGLE = Validators(etag=ETAG, last_modified=MODIFIED)
UNDATED = Validators(etag=ETAG)

NO_DATES = ["", "yesterday", "1 Jan 2099 00:00:00", "Thu, 01 Jan 2099 00:00:00 +0800", "0", "\ud800"]


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        ("*", True),
        (" * ", True),
        ('"now"', True),
        ('"nope", "now"', True),
        ('"nope"', False),
        ('W/"now"', False),  # strong comparison
        ('"now-gzip"', False),  # not the selected representation's
        ("", False),
        ("now", False),
        ("* *", False),
        ("*\r", False),  # only spaces and tabs stand around a value
        ("X*", False),
        ('*, "now"', False),
        ('"NOW"', False),
    ],
)
def test_if_match_compares_strongly_with_the_selected_representation(value: str, holds: bool) -> None:
    assert if_match_holds(value, ETAG) is holds


@pytest.mark.parametrize("value", ['"now"', 'W/"now"'])
def test_if_match_never_matches_a_weak_entity_tag(value: str) -> None:
    assert not if_match_holds(value, EntityTag("now", weak=True))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("*", ETAG),
        ("\t*", ETAG),
        ('"now"', ETAG),
        ('W/"now"', ETAG),  # weak comparison
        ('"zz", "now"', ETAG),
        ('"zz" , W/"now",', ETAG),
        ('"now-gzip"', GZIP),
        ('W/"now-br"', BROTLI),
        ('"now-gzip", "now"', ETAG),  # the selected representation's before another
        ('"now-br", "now-gzip"', BROTLI),
        ('"zz"', None),
        ("", None),
        ("now", None),
        ("*\r", None),
        ("X*", None),
        ('*, "now"', None),
        ('"NOW"', None),
        ('"now', None),
    ],
)
def test_if_none_match_finds_the_copy_that_is_still_good(value: str, found: EntityTag | None) -> None:
    assert if_none_match_finds(value, VALIDATORS) == (None if found is None else NotModified(found))


def test_a_representation_without_a_tag_matches_none_but_the_star() -> None:
    tagless = Validators(None)
    assert if_match_holds("*", None)
    assert not if_match_holds('"now"', None)
    assert if_none_match_finds("*", tagless) == NotModified(None)
    assert if_none_match_finds('"now"', tagless) is None
    assert not range_applies('"now"', tagless)
    assert not range_applies(THEN, tagless)


@pytest.mark.parametrize(("value", "holds"), [(BEFORE, False), (THEN, True), (AFTER, True)])
def test_if_unmodified_since_holds_from_the_modification_on(value: str, holds: bool) -> None:
    assert if_unmodified_since_holds(value, MODIFIED) is holds
    assert if_unmodified_since_holds(value, None)


@pytest.mark.parametrize(("value", "holds"), [(BEFORE, True), (THEN, False), (AFTER, False)])
def test_if_modified_since_holds_before_the_modification_alone(value: str, holds: bool) -> None:
    assert if_modified_since_holds(value, MODIFIED) is holds
    assert if_modified_since_holds(value, None)


@pytest.mark.parametrize("value", NO_DATES)
def test_an_invalid_date_is_as_if_it_were_not_there(value: str) -> None:
    assert if_unmodified_since_holds(value, MODIFIED)
    assert if_modified_since_holds(value, MODIFIED)


@pytest.mark.parametrize(
    "value", ["Sun, 09 Sep 2001 01:46:40 GMT", "Sunday, 09-Sep-01 01:46:40 GMT", "Sun Sep  9 01:46:40 2001"]
)
def test_each_form_of_date_is_understood(value: str) -> None:
    assert not if_modified_since_holds(value, MODIFIED)
    assert not if_unmodified_since_holds(value, MODIFIED + 1)


@pytest.mark.parametrize(
    ("value", "applies"),
    [
        (None, True),
        ('"now"', True),
        (' "now"', True),
        ('W/"now"', False),  # strong comparison
        ('"nope"', False),
        ('"now-gzip"', False),  # bytes of another representation
        ('"now", "nope"', False),  # no list
        ("*", False),
        (THEN, True),
        ("Sunday, 09-Sep-01 01:46:40 GMT", True),
        (BEFORE, False),
        (AFTER, False),  # exact, not earlier or later
        *[(value, False) for value in NO_DATES],
    ],
)
def test_if_range_takes_a_strong_tag_or_the_exact_date(value: str | None, applies: bool) -> None:
    assert range_applies(value, SINGLE) is applies


def test_a_date_that_several_codings_share_lets_no_range_through() -> None:
    assert not range_applies(THEN, VALIDATORS)
    assert range_applies('"now"', VALIDATORS)
    assert not range_applies('"now-gzip"', VALIDATORS)  # bytes of another representation


@pytest.mark.parametrize("value", [THEN, "", "yesterday"])
def test_without_a_modification_date_no_date_is_exact(value: str) -> None:
    assert not range_applies(value, UNDATED)


def test_a_weak_validator_never_lets_a_range_through() -> None:
    weak = Validators(etag=EntityTag("now", weak=True), last_modified=MODIFIED)
    assert not range_applies(THEN, weak)
    assert not range_applies('"now"', weak)
    assert not range_applies('W/"now"', weak)


# The order (section 13.2.2): every combination of what each of the four fields can say.

IF_MATCH = {None: None, "*": True, '"now"': True, '"nope"': False, "": False}
IF_UNMODIFIED_SINCE = {None: None, THEN: True, BEFORE: False, "never": None}
IF_NONE_MATCH = {None: None, "*": False, '"now"': False, 'W/"now"': False, '"nope"': True, "": True}
IF_MODIFIED_SINCE = {None: None, BEFORE: True, THEN: False, "never": None}


def reference_status(
    match: bool | None, unmodified: bool | None, none_match: bool | None, modified: bool | None
) -> int:
    """Go through the steps of section 13.2.2; None is a field that is absent or to be ignored."""
    if match is False:  # step 1
        return 412
    if match is None and unmodified is False:  # step 2
        return 412
    if none_match is False:  # step 3
        return 304
    if none_match is None and modified is False:  # step 4
        return 304
    return 200


STATUSES = {type(None): 200, NotModified: 304, PreconditionFailed: 412}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_preconditions_are_evaluated_in_the_order_of_the_rfc(method: str) -> None:
    for values in product(IF_MATCH, IF_UNMODIFIED_SINCE, IF_NONE_MATCH, IF_MODIFIED_SINCE):
        match, unmodified, none_match, modified = values
        request = Request(
            method=method,
            path="/",
            if_match=match,
            if_unmodified_since=unmodified,
            if_none_match=none_match,
            if_modified_since=modified,
        )
        expected = reference_status(
            IF_MATCH[match],
            IF_UNMODIFIED_SINCE[unmodified],
            IF_NONE_MATCH[none_match],
            IF_MODIFIED_SINCE[modified],
        )
        assert STATUSES[type(evaluate(request, VALIDATORS))] == expected, values


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("if_match", '"nope"', PreconditionFailed("If-Match")),
        ("if_unmodified_since", BEFORE, PreconditionFailed("If-Unmodified-Since")),
    ],
)
def test_a_precondition_that_is_false_is_named(field: str, value: str, expected: PreconditionFailed) -> None:
    assert evaluate(Request(method="GET", path="/")._replace(**{field: value}), VALIDATORS) == expected


def test_a_304_names_the_copy_that_is_good() -> None:
    request = Request(method="GET", path="/", if_none_match='"now-gzip"')
    assert evaluate(request, VALIDATORS) == NotModified(GZIP)
    request = Request(method="GET", path="/", if_modified_since=THEN)
    assert evaluate(request, VALIDATORS) == NotModified(ETAG)


def test_without_a_modification_date_the_dates_decide_nothing() -> None:
    request = Request(method="GET", path="/", if_modified_since=AFTER, if_unmodified_since=BEFORE)
    assert evaluate(request, UNDATED) is None


VALUES = ANY_TEXT | texts_of('"now"', 'W/"now"', '"now-gzip"', "*", ",", " ", '"', THEN, BEFORE, "GMT", "W/")


@QUICK
@given(st.tuples(*[st.none() | VALUES] * 5))
def test_no_text_in_any_field_raises(values: tuple[str | None, ...]) -> None:
    match, none_match, modified, unmodified, if_range = values
    request = Request(
        method="GET",
        path="/",
        if_match=match,
        if_none_match=none_match,
        if_modified_since=modified,
        if_unmodified_since=unmodified,
        if_range=if_range,
    )
    for validators in (VALIDATORS, UNDATED):
        outcome = evaluate(request, validators)
        assert type(outcome) in STATUSES
        if isinstance(outcome, NotModified):
            assert outcome.etag in (ETAG, GZIP, BROTLI)
        range_applies(if_range, validators)


@pytest.mark.parametrize("unit", ['"zz",', "*", ",", " ", '"', 'W/"zz" ', "Sun, "])
def test_fields_of_100_kb_are_evaluated_in_linear_time(unit: str) -> None:
    value = unit * (100_000 // len(unit))
    request = Request(method="GET", path="/", if_none_match=value, if_unmodified_since=value)
    assert evaluate(request, VALIDATORS) is None
    asked = Request(method="GET", path="/", if_match=value)
    assert evaluate(asked, VALIDATORS) == PreconditionFailed("If-Match")
    assert not range_applies(value, VALIDATORS)
