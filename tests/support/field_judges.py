"""Other parsers of Range and Accept-Encoding, which judge ours, and the differences that are explained.

Invariant: a difference has a class in `RANGE_DIFFERENCES` or `CODING_DIFFERENCES` that says who is right and
by which section, or it is a defect of one of the two. A class says what both must answer, never only what
the field looks like.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from webob.acceptparse import create_accept_encoding_header
from webob.byterange import Range
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header, parse_range_header

from hashserve.http.codings import choose_coding
from hashserve.http.ranges import select_ranges

__all__ = [
    "CODING_DIFFERENCES",
    "CODING_JUDGES",
    "NODE_PACKAGES",
    "RANGE_DIFFERENCES",
    "RANGE_JUDGES",
    "CodingCase",
    "Explained",
    "RangeCase",
    "ask_node",
    "our_coding",
    "our_ranges",
    "plain_codings",
]

NODE_PACKAGES = ("range-parser@2.0.0", "negotiator@1.1.0")

Selected = str | tuple[tuple[int, int], ...]
"""``whole``, ``unsatisfiable``, ``error``, or the first and last position of each range."""

SIZES = {"br": 100, "gzip": 200, "zstd": 300, "identity": 1000}
"""The representations that Accept-Encoding chooses from; of equal qvalues the smallest one is right."""


# Ours


def our_ranges(value: str, size: int) -> Selected:
    """Return what our parser selects."""
    found = select_ranges(value, size)
    if found is None:
        return "whole"
    return tuple((part.start, part.start + part.length - 1) for part in found) or "unsatisfiable"


def our_coding(value: str) -> str:
    """Return the coding that our parser chooses."""
    return choose_coding(value, SIZES)


# The judges


def _werkzeug_ranges(value: str, size: int) -> Selected:
    parsed = parse_range_header(value)
    if parsed is None or parsed.units != "bytes":
        return "whole"
    found = []
    for begin, end in parsed.ranges:
        if begin < 0:
            found.append((max(0, size + begin), size - 1))
        else:
            found.append((begin, min(size if end is None else end, size) - 1))
    return tuple(part for part in found if part[0] <= part[1]) or "unsatisfiable"


def _webob_ranges(value: str, size: int) -> Selected:
    try:
        parsed = Range.parse(value)
    except ValueError:
        return "error"
    if parsed is None:
        return "whole"
    found = parsed.range_for_length(size)
    return "unsatisfiable" if found is None else ((found[0], found[1] - 1),)


def _werkzeug_coding(value: str) -> str:
    parsed = parse_accept_header(value, Accept)
    best = max(SIZES, key=lambda coding: (parsed.quality(coding), -SIZES[coding]))
    return best if parsed.quality(best) else "identity"


def _webob_coding(value: str) -> str:
    found = create_accept_encoding_header(value).acceptable_offers(list(SIZES))
    return str(found[0][0]) if found else "identity"


RANGE_JUDGES: Mapping[str, Callable[[str, int], Selected]] = {
    "werkzeug": _werkzeug_ranges,
    "webob": _webob_ranges,
}
CODING_JUDGES: Mapping[str, Callable[[str], str]] = {"werkzeug": _werkzeug_coding, "webob": _webob_coding}


def ask_node(
    node: str, modules: Path, ranges: Sequence[tuple[str, int]], codings: Sequence[str]
) -> tuple[list[Selected], list[str]]:
    """Return what ``range-parser`` and ``negotiator`` answer; ``modules`` is the folder that has them."""
    asked = json.dumps({"ranges": ranges, "codings": codings, "preferred": list(SIZES)})
    script = Path(__file__).with_suffix(".mjs")
    done = subprocess.run(
        [node, str(script)],
        input=asked,
        cwd=modules.parent,
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    found = json.loads(done.stdout)
    selected = [each if isinstance(each, str) else tuple(map(tuple, each)) for each in found["ranges"]]
    return selected, found["codings"]


# Differences of Range


class RangeCase(NamedTuple):
    """A Range field, and what a judge and we select."""

    judge: str
    value: str
    size: int
    theirs: Selected
    ours: Selected

    @property
    def members(self) -> list[str]:
        """The specifiers of the field, without the white space around commas."""
        return [member.strip(" \t") for member in self.value.partition("=")[2].split(",")]

    @property
    def follows_the_grammar(self) -> bool:
        """Whether the field is one of RFC 9110, 14.2: a unit, ``=`` and a list, written down as there."""
        spec = r"(?:[0-9]+-[0-9]*|-[0-9]+)"
        members = rf"{spec}?(?:[ \t]*,[ \t]*{spec}?)*"
        return re.fullmatch(f"[bB][yY][tT][eE][sS]={members}", self.value) is not None and any(self.members)

    @property
    def suffixes(self) -> list[int]:
        """The lengths of the suffix ranges."""
        return [int(member[1:]) for member in self.members if re.fullmatch(r"-[0-9]+", member)]


class Explained(NamedTuple):
    """A class of differences: whose they are, who is right, the section and why, and what a case is like."""

    name: str
    judges: tuple[str, ...]
    right: str
    why: str
    is_like: Callable[[Any], bool]

    def has(self, case: RangeCase | CodingCase) -> bool:
        """Whether the difference of a case is of this class."""
        return case.judge in self.judges and self.is_like(case)


def _is_wasteful(case: RangeCase) -> bool:
    if case.ours != "whole" or isinstance(case.theirs, str) or len(case.theirs) < 2:
        return False
    total = sum(last - first + 1 for first, last in case.theirs)
    return len(case.theirs) > 8 or total >= case.size


def _is_first_alone(case: RangeCase) -> bool:
    """Whether a judge selects what the first of several members selects alone."""
    first = case.members[0]
    if len(case.members) < 2:
        return False
    if re.fullmatch("-[0-9]+", first) and not 0 < int(first[1:]) <= case.size:
        return True  # it reads this first member differently too
    return case.theirs == our_ranges(f"bytes={first}", case.size)


RANGE_DIFFERENCES: tuple[Explained, ...] = (
    Explained(
        "malformed field",
        ("werkzeug", "webob", "range-parser"),
        "ours",
        "14.2: a field that does not follow the grammar (white space around `=`, text after a range, no "
        "digits) is ignored. The others read a part of some; webob raises an error for `bytes=-`",
        lambda case: case.ours == "whole" and not case.follows_the_grammar,
    ),
    Explained(
        "empty representation",
        ("werkzeug", "webob", "range-parser"),
        "both",
        "14.2: a server may ignore the field. Some clients always send it, and would take 416 for an error",
        lambda case: case.size == 0 and case.ours == "whole" and case.theirs == "unsatisfiable",
    ),
    Explained(
        "many or wasteful ranges",
        ("werkzeug", "range-parser"),
        "both",
        "14.2: more than eight ranges, or as many bytes as the file, may be ignored",
        _is_wasteful,
    ),
    Explained(
        "empty list members",
        ("werkzeug",),
        "ours",
        "5.6.1.2: they are ignored. The other ignores the field",
        lambda case: "" in case.members and case.theirs == "whole",
    ),
    Explained(
        "first range only",
        ("webob",),
        "ours",
        "14.2: it reads the first range and no other. A server may ignore all of them, or send all",
        _is_first_alone,
    ),
    Explained(
        "suffix longer than the file",
        ("webob",),
        "ours",
        "14.1.2: it is the whole file. The other calls it unsatisfiable",
        lambda case: any(length > case.size for length in case.suffixes) and case.theirs == "unsatisfiable",
    ),
    Explained(
        "suffix of length 0",
        ("werkzeug", "webob"),
        "ours",
        "14.1.2: it is valid and unsatisfiable. werkzeug ignores the field; webob sends all as 206",
        lambda case: (
            0 in case.suffixes and case.theirs in ("whole", ((0, case.size - 1),)) and case.ours != "whole"
        ),
    ),
    Explained(
        "descending ranges",
        ("werkzeug",),
        "both",
        "14.2: ranges that overlap or descend may be ignored. We send them as requested (15.3.7.2)",
        lambda case: case.theirs == "whole" and len(case.members) > 1,
    ),
)
"""Every class of differences; the first that has a case counts."""


# Differences of Accept-Encoding

_MEMBER = re.compile(
    r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:[ \t]*;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?"
)


def plain_codings(value: str) -> str:
    """Write a field without what the parsers read differently; the choice must stay the same.

    Malformed members and further members of a coding are left out, ``x-gzip`` is ``gzip``, a qvalue has
    digits after its dot, and identity is ranked where only its default would count.
    """
    qvalues: dict[str, float] = {}
    for member in value.split(","):
        found = _MEMBER.fullmatch(member.strip(" \t"))
        if found is not None:
            name = "gzip" if found[1].lower() == "x-gzip" else found[1].lower()
            qvalues.setdefault(name, 1.0 if found[2] is None else float(found[2]))
    if not {"identity", "*"} & qvalues.keys():
        qvalues["identity"] = 0.0
    return ", ".join(f"{name};q={qvalue:.3f}" for name, qvalue in qvalues.items())


class CodingCase(NamedTuple):
    """An Accept-Encoding field, what a judge and we choose, and what the judge chooses for the plain form."""

    judge: str
    value: str
    theirs: str
    ours: str
    theirs_of_plain: str

    @property
    def names(self) -> list[str]:
        """The names of the well-formed members."""
        found = [_MEMBER.fullmatch(member.strip(" \t")) for member in self.value.split(",")]
        return [each[1].lower() for each in found if each is not None]

    @property
    def is_malformed(self) -> bool:
        """Whether a member is malformed; an empty one is not (RFC 9110, 5.6.1.2)."""
        members = [member.strip(" \t") for member in self.value.split(",")]
        return not all(_MEMBER.fullmatch(member) for member in members if member)


CODING_DIFFERENCES: tuple[Explained, ...] = (
    Explained(
        "x-gzip",
        ("werkzeug", "webob", "negotiator"),
        "ours",
        "8.4.1.3: it is gzip. The others know it by its own name only",
        lambda case: "x-gzip" in case.names,
    ),
    Explained(
        "malformed member",
        ("werkzeug", "webob", "negotiator"),
        "both",
        "5.6.1: no rule. We skip the member. webob ignores the field; the others read a part of the member",
        lambda case: case.is_malformed,
    ),
    Explained(
        "qvalue that ends with a dot",
        ("werkzeug",),
        "ours",
        "12.4.2: `1.` is a qvalue. The other skips the member",
        lambda case: re.search(r"=[01]\.[ \t]*(?:,|$)", case.value) is not None,
    ),
    Explained(
        "identity that is not listed",
        ("webob",),
        "both",
        "12.5.3: it is acceptable, and has no qvalue. We send it last; the other ranks it 1",
        lambda case: not {"identity", "*"} & {*case.names},
    ),
    Explained(
        "coding listed twice",
        ("werkzeug", "negotiator"),
        "both",
        "12.5.3: no rule. We take the first member, the others the highest qvalue",
        lambda case: len({*case.names}) < len(case.names),
    ),
)
"""Every class of differences. In each, the judge chooses as we do for the plain form of the field."""
