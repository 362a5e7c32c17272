"""How a table is encoded, and that no damage makes another table of it."""

from __future__ import annotations

import json
import re
import tracemalloc
from base64 import b64encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashserve.django.cached_names.encoding import (
    CHUNK_SIZE,
    Namespace,
    Pointer,
    Unusable,
    _digest_of,
    _place,
)
from hashserve.django.name_table import NameTable
from tests.support.hypothesis_profile import QUICK

SITE = Namespace("example")

COUNT = 4000
"""The number of names that makes three chunks."""

PATHS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n\\/:%"), min_size=1
).filter(lambda text: not text.startswith("."))

RELEASES = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20)


def table_of(count: int, release: str = "r1") -> NameTable:
    tokens = (_token(number)[:12].replace("/", "-") for number in range(count))
    names = {f"css/{number}.css": f"css/{number}.{token}.css" for number, token in enumerate(tokens)}
    integrity = {f"css/{number}.css": f"sha256-{_token(number)}" for number in range(0, count, 2)}
    return NameTable(release=release, names=names, integrity=integrity)


def _token(number: int) -> str:
    return b64encode(sha256(str(number).encode()).digest()).decode()


TABLE = table_of(COUNT)
WRITTEN = SITE.encode_table(TABLE)


def read(values: dict[str, object], pointer: Pointer = WRITTEN.pointer) -> NameTable | Unusable:
    return SITE.decode_table(pointer, values)


def problem_of(outcome: object) -> str:
    assert isinstance(outcome, Unusable)
    return outcome.problem


# Whole


def test_a_table_is_read_as_it_was_written() -> None:
    assert WRITTEN.pointer.chunks == 3
    assert read(dict(WRITTEN.chunks)) == TABLE


@pytest.mark.parametrize("extension", [".js", ".mjs", ".cjs"])
def test_every_kind_of_script_may_be_a_module(extension: str) -> None:
    path = f"app{extension}"
    table = NameTable(
        release="r1", names={path: f"app.0123456789ab{extension}"}, integrity={}, modules={path: ("lit",)}
    )
    written = SITE.encode_table(table)
    assert read(dict(written.chunks), written.pointer) == table


@QUICK
@given(names=st.dictionaries(PATHS, PATHS, max_size=20), release=RELEASES)
def test_any_table_is_read_as_it_was_written(names: dict[str, str], release: str) -> None:
    table = NameTable(release=release, names=names)
    written = SITE.encode_table(table)
    assert SITE.decode_table(written.pointer, written.chunks) == table


@QUICK
@given(release=RELEASES, chunks=st.integers(1, 1000), names=st.integers(0))
def test_any_pointer_is_read_as_it_was_written(release: str, chunks: int, names: int) -> None:
    pointer = Pointer(release=release, table="0" * 32, chunks=chunks, names=names)
    assert SITE.decode_pointer(SITE.encode_pointer(pointer)) == pointer


def test_the_order_of_names_makes_no_difference() -> None:
    turned = NameTable(
        release=TABLE.release,
        names=dict(reversed([*TABLE.names.items()])),
        integrity=dict(reversed([*TABLE.integrity.items()])),
    )
    assert SITE.encode_table(turned) == WRITTEN


# Limits


def test_a_key_leaves_memcached_room_for_a_prefix() -> None:
    long = Namespace("a site with spaces\n and é" * 100)
    keys = [long.pointer_key, *long.chunk_keys(Pointer(release="", table="f" * 32, chunks=99_999, names=0))]
    assert max(map(len, keys)) <= 70
    assert all(re.fullmatch(r"[a-z0-9.]+", key) for key in keys)


def test_a_value_stays_far_below_memcacheds_limit_even_if_nothing_compresses() -> None:
    assert max(map(len, WRITTEN.chunks.values())) < CHUNK_SIZE + 1000 < 1_000_000 // 2


def test_a_row_that_is_longer_than_a_chunk_has_one_of_its_own() -> None:
    table = NameTable(release="r1", names={"a": "a", "b" * 2 * CHUNK_SIZE: "b", "c": "c"})
    written = SITE.encode_table(table)
    assert written.pointer.chunks == 3
    assert SITE.decode_table(written.pointer, written.chunks) == table


def test_a_chunk_of_enormous_content_is_not_decompressed_whole() -> None:
    written = SITE.encode_table(NameTable(release="r1", names={"a": "b" * 2_000_000}))
    assert problem_of(SITE.decode_table(written.pointer, written.chunks)).endswith("chunk 1 of 1 is damaged")


@pytest.mark.parametrize(
    "other",
    [
        NameTable(release="r2", names=TABLE.names, integrity=TABLE.integrity),
        NameTable(release="r1", names={**TABLE.names, "css/0.css": "x"}, integrity=TABLE.integrity),
        NameTable(release="r1", names=TABLE.names),
    ],
)
def test_another_table_has_other_keys(other: NameTable) -> None:
    assert not set(SITE.encode_table(other).chunks) & set(WRITTEN.chunks)


def test_another_site_has_other_keys() -> None:
    other = Namespace("another")
    assert other.pointer_key != SITE.pointer_key
    assert not set(other.encode_table(TABLE).chunks) & set(WRITTEN.chunks)


# Damage

KEYS = list(WRITTEN.chunks)
FOREIGN = Namespace("another").encode_table(TABLE)
OTHER = SITE.encode_table(table_of(COUNT, "r2"))


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "chunk 1 of 3 is missing"),
        ({key: WRITTEN.chunks[key] for key in KEYS[:2]}, "chunk 3 of 3 is missing"),
        ({**WRITTEN.chunks, KEYS[1]: None}, "chunk 2 of 3 is missing"),
        ({**WRITTEN.chunks, KEYS[1]: b""}, "chunk 2 of 3 is damaged"),
        ({**WRITTEN.chunks, KEYS[1]: "text"}, "chunk 2 of 3 is damaged"),
        ({**WRITTEN.chunks, KEYS[1]: {"a": "b"}}, "chunk 2 of 3 is damaged"),
        ({**WRITTEN.chunks, KEYS[1]: WRITTEN.chunks[KEYS[1]][:-9]}, "chunk 2 of 3 is damaged"),
        ({**WRITTEN.chunks, KEYS[1]: WRITTEN.chunks[KEYS[0]]}, "chunk 2 of 3 is damaged"),
        ({**WRITTEN.chunks, KEYS[1]: list(FOREIGN.chunks.values())[1]}, "chunk 2 of 3 is damaged"),
        ({**WRITTEN.chunks, KEYS[1]: list(OTHER.chunks.values())[1]}, "chunk 2 of 3 is damaged"),
    ],
)
def test_a_table_that_is_not_whole_is_unusable_and_says_why(values: dict[str, object], problem: str) -> None:
    outcome = read(values)
    assert problem_of(outcome) == f"names of release r1: {problem}"
    assert isinstance(outcome, Unusable)
    assert outcome.release == "r1"


@QUICK
@given(chunk=st.integers(0, 2), position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_no_flipped_bit_gives_another_table(chunk: int, position: float, bit: int) -> None:
    key = KEYS[chunk]
    value = bytearray(WRITTEN.chunks[key])
    value[int(position * len(value))] ^= 1 << bit
    outcome = read({**WRITTEN.chunks, key: bytes(value)})
    assert outcome == TABLE or "damaged" in problem_of(outcome)


def test_chunks_under_a_pointer_of_another_release_do_not_belong_together() -> None:
    pointer = Pointer(release="r2", table=WRITTEN.pointer.table, chunks=3, names=COUNT)
    assert "do not belong together" in problem_of(read(dict(WRITTEN.chunks), pointer))


def test_a_pointer_with_another_number_of_names_is_not_believed() -> None:
    pointer = Pointer(release="r1", table=WRITTEN.pointer.table, chunks=3, names=7)
    assert problem_of(read(dict(WRITTEN.chunks), pointer)).endswith(f"there are {COUNT} instead of 7")


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a//b", "a\\b", "line\nbreak", ""])
def test_a_table_with_a_path_that_leads_out_of_the_root_is_unusable(path: str) -> None:
    for names in ({"a": path}, {path: "a"}):
        written = SITE.encode_table(NameTable(release="r1", names=names))
        problem = problem_of(SITE.decode_table(written.pointer, written.chunks))
        assert problem.endswith("is not a relative path inside the root")


def sealed(document: str) -> bytes:
    return SITE._seal("current", document.encode())


@pytest.mark.parametrize(
    "value",
    [
        *(b"", b"{}", "text", 7, {"release": "r1"}),
        WRITTEN.chunks[KEYS[0]],
        SITE.encode_pointer(WRITTEN.pointer)[:-20],
        Namespace("another").encode_pointer(WRITTEN.pointer),
        sealed("[]"),
        sealed('{"release": "r1"}'),
        sealed('{"release": "r1", "table": "../x", "chunks": 1, "names": 1}'),
        sealed(f'{{"release": "r1", "table": "{"0" * 32}", "chunks": 0, "names": 1}}'),
        sealed(f'{{"release": "r1", "table": "{"0" * 32}", "chunks": 1000000000, "names": 1}}'),
    ],
)
def test_a_value_that_is_no_pointer_is_unusable(value: object) -> None:
    assert "is damaged" in problem_of(SITE.decode_pointer(value))


def test_a_missing_pointer_has_another_message_than_a_damaged_one() -> None:
    assert "no release is published" in problem_of(SITE.decode_pointer(None))


# Hostile tables


def found(rows: list[object], names: int | None = None, release: str = "r1") -> NameTable | Unusable:
    """Return what is read of a table that somebody else wrote with these rows."""
    return found_of(json.dumps(rows).encode(), len(rows) if names is None else names, release)


def found_of(content: bytes, names: int, release: str = "r1") -> NameTable | Unusable:
    table = _digest_of(release, [content])
    pointer = SITE.decode_pointer(
        SITE.encode_pointer(Pointer(release=release, table=table, chunks=1, names=names))
    )
    if isinstance(pointer, Unusable):
        return pointer
    (key,) = SITE.chunk_keys(pointer)
    return SITE.decode_table(pointer, {key: SITE._seal(_place(pointer, 1), content)})


GOOD = ["a.css", "a.0123456789ab.css", f"sha256-{'A' * 43}="]


@pytest.mark.parametrize(
    "path",
    ["javascript:alert(1)", "data:text/html,x", "http:x", ".env", "a/.git/config", "a%2fb", "x" * 4097],
)
def test_a_name_that_no_server_answers_for_is_refused_and_the_others_are_used(path: str) -> None:
    table = found([GOOD, ["x.js", path, ""]])
    assert isinstance(table, NameTable)
    assert (table.names, table.refused) == ({"a.css": GOOD[1]}, {"x.js": path})


@pytest.mark.parametrize(
    "value",
    [
        "sha256-x",
        "md5-AAAAAAAAAAAAAAAAAAAAAA==",
        f'sha256-{"A" * 43}=" onload="alert(1)',
        f"sha256-{'A' * 43}=\n",
        f"sha256-{'A' * 42}=",
        f" sha256-{'A' * 43}=",
        "sha512-" + "A" * 43 + "=",
    ],
)
def test_an_entry_with_a_malformed_integrity_is_refused(value: str) -> None:
    table = found([GOOD, ["x.js", "x.0123456789ab.js", value]])
    assert isinstance(table, NameTable)
    assert (table.names, table.integrity) == ({"a.css": GOOD[1]}, {"a.css": GOOD[2]})
    assert table.refused == {"x.js": "x.0123456789ab.js"}


@pytest.mark.parametrize(
    "value",
    [
        "",
        f"sha256-{'A' * 43}=",
        "sha384-" + "b" * 64,
        f"sha512-{'+' * 86}==",
        f"sha256-{'/' * 43}= sha384-{'9' * 64}",
    ],
)
def test_every_form_of_integrity_is_used(value: str) -> None:
    table = found([["x.js", "x.0123456789ab.js", value]])
    assert isinstance(table, NameTable)
    assert table.integrity == ({"x.js": value} if value else {})


@pytest.mark.parametrize(
    "rows",
    [
        *([None], [{}], [[]], [["a"]], [["a", "b"]], [["a", 1, ""]], [["a", "b", None]], [[["a"], "b", ""]]),
        *(["abc"], [[{}, {}, {}]]),
    ],
)
def test_rows_of_another_form_are_unusable(rows: list[object]) -> None:
    assert problem_of(found(rows)).endswith("a row has another form than hashserve writes")


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"7", b"[" * 100_000, b"[1", b"\xff", b"9" * 10_000, b"null"]
)
def test_content_that_is_no_list_is_unusable(content: bytes) -> None:
    assert "a row has another form" in problem_of(found_of(content, 0))
    assert SITE.decode_pointer(SITE._seal("current", content)) == Unusable(
        problem="the entry that names the release in force is damaged"
    )


@pytest.mark.parametrize("release", ["x" * 201, "a\nb", "\x1b[2J"])
def test_a_release_that_is_no_printable_id_is_unusable(release: str) -> None:
    assert "is damaged" in problem_of(found([GOOD], release=release))


def test_modules_of_another_form_are_no_modules() -> None:
    table = found([["a.js", "a.0123456789ab.js", "", 7], ["b.js", "b.0123456789ab.js", "", ["a.js"]]])
    assert isinstance(table, NameTable)
    assert table.modules == {"b.js": ("a.js",)}


def test_a_table_takes_memory_in_proportion_to_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hashserve.django.cached_names.encoding.MOST_BYTES", 2 * CHUNK_SIZE)
    assert problem_of(read(dict(WRITTEN.chunks))).endswith("there are over 262,144 bytes")
    bomb = SITE._seal("current", b"x" * 100_000_000)
    tracemalloc.start()
    try:
        assert isinstance(SITE.decode_pointer(bomb), Unusable)
        assert isinstance(SITE.decode_pointer(b"x" * 2_000_000), Unusable)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
