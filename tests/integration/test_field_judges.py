"""werkzeug, webob, range-parser and negotiator judge our reading of Range and Accept-Encoding.

Invariant: a difference is explained, or it is a defect. ``HASHSERVE_SOAK=1`` asks about 20,000 fields of each
kind instead of 2,000; then each explanation must occur too.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_importers_real import CACHE, install
from tests.support.field_judges import (
    CODING_DIFFERENCES,
    CODING_JUDGES,
    NODE_PACKAGES,
    RANGE_DIFFERENCES,
    RANGE_JUDGES,
    CodingCase,
    Explained,
    RangeCase,
    ask_node,
    our_coding,
    our_ranges,
    plain_codings,
)
from tests.support.parts import require_tool
from tests.support.random_fields import accept_encodings, ranges

SOAK = os.environ.get("HASHSERVE_SOAK") == "1"
NUMBER = 20_000 if SOAK else 2_000
SEED = 12


def report(judge: str, kind: str, cases: Sequence[Any], differences: Sequence[Explained]) -> None:
    """Count the cases by explanation, print them, and fail for one without an explanation."""
    counts, unexplained = Counter[str](), []
    for case in cases:
        if case.theirs == case.ours:
            counts["same"] += 1
            continue
        name = next((each.name for each in differences if each.has(case)), None)
        if name is None:
            unexplained.append(case)
        else:
            counts[name] += 1
    print(f"\njudges: {judge}: {kind}: {len(cases)} fields; {dict(counts)}; {len(unexplained)} unexplained")
    assert not unexplained, "\n".join(map(str, unexplained[:10]))
    expected = {each.name for each in differences if judge in each.judges}
    assert counts.keys() <= {"same", *expected}
    assert not SOAK or counts.keys() == {"same", *expected}, "an explained difference is gone: remove it"


def coding_cases(judge: str, values: Sequence[str], theirs: Iterable[str], plain: Iterable[str]) -> list[Any]:
    cases = []
    for value, chosen, of_plain in zip(values, theirs, plain, strict=True):
        assert our_coding(plain_codings(value)) == our_coding(value), value
        cases.append(CodingCase(judge, value, chosen, our_coding(value), of_plain))
    for case in cases:
        assert case.theirs_of_plain == case.ours, case
    return cases


@pytest.mark.parametrize("judge", RANGE_JUDGES)
def test_a_range_selects_what_another_parser_selects(judge: str) -> None:
    ask = RANGE_JUDGES[judge]
    cases = [RangeCase(judge, *field, ask(*field), our_ranges(*field)) for field in ranges(SEED, NUMBER)]
    report(judge, "Range", cases, RANGE_DIFFERENCES)


@pytest.mark.parametrize("judge", CODING_JUDGES)
def test_a_coding_is_chosen_as_another_parser_chooses(judge: str) -> None:
    ask, values = CODING_JUDGES[judge], list(accept_encodings(SEED, NUMBER))
    plain = [ask(plain_codings(value)) for value in values]
    cases = coding_cases(judge, values, map(ask, values), plain)
    report(judge, "Accept-Encoding", cases, CODING_DIFFERENCES)


@pytest.mark.real
def test_the_parsers_of_express_read_both_fields_as_we_do() -> None:
    target = CACHE / "-".join(pin.replace("@", "-") for pin in NODE_PACKAGES)
    if not target.is_dir():
        install(target, NODE_PACKAGES, require_tool("npm"))
    fields, values = list(ranges(SEED, NUMBER)), list(accept_encodings(SEED, NUMBER))
    plain = [plain_codings(value) for value in values]
    modules = Path(target / "node_modules")
    selected, chosen = ask_node(require_tool("node"), modules, fields, [*values, *plain])
    cases = [
        RangeCase("range-parser", *field, theirs, our_ranges(*field))
        for field, theirs in zip(fields, selected, strict=True)
    ]
    report("range-parser", "Range", cases, RANGE_DIFFERENCES)
    codings = coding_cases("negotiator", values, chosen[: len(values)], chosen[len(values) :])
    report("negotiator", "Accept-Encoding", codings, CODING_DIFFERENCES)
