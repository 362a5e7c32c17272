from __future__ import annotations

import contextlib
import gzip
import sys
import zlib
from collections.abc import Callable

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hashserve.http.codings
from hashserve.http.codings import (
    CODINGS,
    IDENTITY,
    LONGEST_FIELD,
    LONGEST_REMEMBERED,
    DecodeError,
    choose_coding,
    coding_of_suffix,
    is_acceptable,
    parse_accept_encoding,
)
from tests.support.hypothesis_profile import ANY_TEXT, QUICK, texts_of

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SIZES = {"identity": 1000, "br": 300, "gzip": 400, "zstd": 350}

REALISTIC = [
    # Accept-Encoding, what is sent of SIZES
    (None, "identity"),
    ("", "identity"),
    ("gzip, deflate, br, zstd", "br"),  # Chrome
    ("gzip, deflate, br", "br"),  # Safari
    ("gzip, deflate", "gzip"),  # requests
    ("deflate", "identity"),
    ("identity", "identity"),
    ("gzip", "gzip"),
    ("*", "br"),
    ("*/*", "identity"),
    ("br;q=1.0, gzip;q=0.8, *;q=0.1", "br"),
    ("deflate, gzip;q=1.0, *;q=0.5", "gzip"),
    ("gzip;q=0.5, zstd", "zstd"),
    ("zstd;q=0.9, br;q=0.9, gzip;q=0.9", "br"),
    ("gzip;q=0", "identity"),
    ("x-gzip-really", "identity"),
    ("br;q=0, *", "zstd"),
    ("gzip;q=0.001, identity;q=1", "identity"),
    ("GZIP", "gzip"),
    ("Br", "br"),
    ("x-gzip", "gzip"),
    ("X-GZip;Q=1", "gzip"),
    ("gzip;q=0.001", "gzip"),
    ("gzip;q=0.5, identity;q=0.4", "gzip"),
    ("gzip;q=0.4, identity;q=0.5", "identity"),
    ("identity;q=0", "identity"),
    ("*;q=0", "identity"),
    ("identity;q=0, *;q=0", "identity"),
    ("identity;q=0, gzip;q=0.1", "gzip"),
    ("*;q=0, gzip", "gzip"),
    ("*;q=0.5, br;q=0.2", "zstd"),
    ("*;q=0.1, identity", "identity"),
    ("gzip;q=0.999, br;q=0.998", "gzip"),
    ("br;q=1.000, gzip;q=1.", "br"),
]

PATHOLOGICAL = [
    (",", "identity"),
    (", ,, gzip ,,", "gzip"),
    ("\tgzip\t;\tq=1\t,", "gzip"),
    (" gzip ; q=1 ", "gzip"),
    ("gzip ;q= 1", "identity"),
    ("gzip;q =1", "identity"),
    ("gzip;q=1.001", "identity"),
    ("gzip;q=0.0000", "identity"),
    ("gzip;q=0.1234", "identity"),
    ("gzip;q=2", "identity"),
    ("gzip;q=-1", "identity"),
    ("gzip;q=.5", "identity"),
    ("gzip;q=01", "identity"),
    ("gzip;q=1e0", "identity"),
    ("gzip;q=nan", "identity"),
    ("gzip;q=", "identity"),
    ("gzip;q=\u0661", "identity"),  # a digit one, but Arabic
    ("gzip;", "identity"),
    ("gzip;q=1;q=1", "identity"),
    ("gzip;level=9", "identity"),
    ("gzip q=1", "identity"),
    ('"gzip"', "identity"),
    ("gzip\0", "identity"),
    ("gzip\r\n", "identity"),
    ("gz\u0131p", "identity"),
    ("\u212a", "identity"),  # a Kelvin sign, k in lower case
    ("gzip;q=oops, br;q=0.5", "br"),  # the rest counts
    ("br;q=oops, gzip", "gzip"),
    ("br;q=oops, *;q=0.5, gzip;q=0", "br"),  # a malformed member does not count, so * stands for it
    ("gzip;q=0, gzip", "identity"),  # the first counts
    ("gzip, gzip;q=0", "gzip"),
    ("x-gzip;q=0, gzip", "identity"),
    ("*;q=0, *", "identity"),
    ("x-br", "identity"),
]


@pytest.mark.parametrize(("value", "expected"), REALISTIC)
def test_a_realistic_accept_encoding_gets_its_coding(value: str | None, expected: str) -> None:
    assert choose_coding(value, SIZES) == expected


@pytest.mark.parametrize(("value", "expected"), PATHOLOGICAL)
def test_a_pathological_accept_encoding_gets_its_coding(value: str, expected: str) -> None:
    assert choose_coding(value, SIZES) == expected


@pytest.mark.parametrize(
    ("value", "sizes", "expected"),
    [
        ("br;q=0, *", {"identity": 1000, "br": 300, "gzip": 400}, "gzip"),
        ("gzip, br", {"identity": 1000, "br": 400, "gzip": 300}, "gzip"),
        ("gzip, br", {"identity": 1000, "br": 300, "gzip": 300}, "br"),
        ("gzip, br", {"identity": 1000, "gzip": 300, "br": 300}, "gzip"),
        ("*", {"identity": 100, "gzip": 100}, "identity"),
        ("*", {"identity": 100, "gzip": 120}, "identity"),
        ("gzip", {"identity": 100, "gzip": 120}, "gzip"),
        ("gzip, identity", {"identity": 100, "gzip": 120}, "identity"),
        ("gzip", {"identity": 100}, "identity"),
        ("gzip", {"identity": 0, "gzip": 20}, "gzip"),
    ],
)
def test_on_equal_qvalues_the_smallest_body_is_sent(value: str, sizes: dict[str, int], expected: str) -> None:
    assert choose_coding(value, sizes) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", {}),
        ("gzip", {"gzip": 1000}),
        ("gzip;q=0.5, br;q=0.25, *;q=0", {"gzip": 500, "br": 250, "*": 0}),
        ("gzip;q=0.123", {"gzip": 123}),
        ("a;q=0.001,b;q=0.009,c;q=0.999,d;q=0.57,e;q=0.29", {"a": 1, "b": 9, "c": 999, "d": 570, "e": 290}),
        ("gzip;q=0., br;q=1.", {"gzip": 0, "br": 1000}),
        ("X-GZIP;q=0.5", {"gzip": 500}),
        ("!#$%&'*+-.^_`|~", {"!#$%&'*+-.^_`|~": 1000}),
    ],
)
def test_qvalues_are_exact_thousandths(value: str, expected: dict[str, int]) -> None:
    assert parse_accept_encoding(value) == expected


# The same, slowly, from the grammar: RFC 9110 sections 12.5.3, 12.4.2, 5.6.1 to 5.6.3.
#   Accept-Encoding = [ ( codings [ weight ] ) *( OWS "," OWS ( codings [ weight ] ) ) ]
#   codings = content-coding / "identity" / "*"       content-coding = token
#   weight = OWS ";" OWS "q=" qvalue
#   qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )

DIGITS = "0123456789"
LETTERS = "abcdefghijklmnopqrstuvwxyz"
TCHARS = "!#$%&'*+-.^_`|~" + DIGITS + LETTERS + LETTERS.upper()


def split_at_commas(value: str) -> list[str]:
    members = [""]
    for character in value:
        if character == ",":
            members.append("")
        else:
            members[-1] += character
    return members


def without_leading(text: str, characters: str) -> str:
    while text and text[0] in characters:
        text = text[1:]
    return text


def reference_qvalue(text: str) -> int | None:
    if not text or text[0] not in "01" or (len(text) > 1 and text[1] != "."):
        return None
    decimals = text[2:]
    if len(decimals) > 3 or any(digit not in DIGITS for digit in decimals):
        return None
    thousandths = int(text[0]) * 1000 + int((decimals + "000")[:3])
    return thousandths if thousandths <= 1000 else None


def reference_member(member: str) -> tuple[str, int] | None:
    rest = without_leading(member, " \t")
    name = rest[: len(rest) - len(without_leading(rest, TCHARS))]
    rest = without_leading(rest[len(name) :], " \t")
    if not name:
        return None
    name = "".join(LETTERS[LETTERS.upper().index(c)] if c in LETTERS.upper() else c for c in name)
    if not rest:
        return name, 1000
    rest = without_leading(rest[1:], " \t") if rest[0] == ";" else ""
    if rest[:2] not in ("q=", "Q="):
        return None
    weight = rest[2:]
    while weight and weight[-1] in " \t":
        weight = weight[:-1]
    qvalue = reference_qvalue(weight)
    return None if qvalue is None else (name, qvalue)


def reference_qvalues(value: str) -> dict[str, int]:
    qvalues: dict[str, int] = {}
    for member in split_at_commas(value):
        parsed = reference_member(member)
        if parsed is not None:
            name, qvalue = parsed
            name = "gzip" if name == "x-gzip" else name
            if name not in qvalues:
                qvalues[name] = qvalue
    return qvalues


def reference_choice(value: str, sizes: dict[str, int]) -> str:
    qvalues = reference_qvalues(value)
    acceptable = []
    qvalue: float
    for order, (coding, size) in enumerate(sizes.items()):
        if coding in qvalues:
            qvalue = qvalues[coding]
        elif "*" in qvalues:
            qvalue = qvalues["*"]
        elif coding == "identity":
            qvalue = 0.5  # acceptable, but the client listed others
        else:
            continue
        if qvalue > 0:
            acceptable.append((-qvalue, size, order, coding))
    return min(acceptable)[3] if acceptable else "identity"


PIECES = [
    "gzip",
    "x-gzip",
    "BR",
    "br",
    "zstd",
    "identity",
    "*",
    ",",
    ";",
    ";q=",
    ";Q=",
    "0",
    "1",
    ".",
    "0.5",
    "1.000",
]
ACCEPT_ENCODINGS = texts_of(*PIECES, ", ", " ", "\t")


@QUICK
@given(ANY_TEXT | ACCEPT_ENCODINGS)
def test_the_qvalues_are_those_of_the_grammar(value: str) -> None:
    assert parse_accept_encoding(value) == reference_qvalues(value)


@QUICK
@given(
    ACCEPT_ENCODINGS,
    st.fixed_dictionaries(
        {"identity": st.integers(0, 9)}, optional={name: st.integers(0, 9) for name in CODINGS}
    ),
)
def test_the_choice_is_that_of_the_reference(value: str, sizes: dict[str, int]) -> None:
    assert choose_coding(value, sizes) == reference_choice(value, sizes)


@pytest.mark.parametrize(
    "unit",
    [
        "gzip,",
        "gzip",
        " ",
        "\t,",
        ",",
        ";",
        "gzip ;",
        "gzip;q=0.",
        "gzip;q=0.001,",
        "gzip; q",
        "*",
        "\ud800",
        "1",
    ],
)
def test_a_header_of_100_kb_is_read_in_bounded_time(unit: str) -> None:
    value = unit * (100_000 // len(unit) + 1)
    for _ in range(100):
        assert len(parse_accept_encoding(value)) <= 1


def test_of_a_long_header_whole_members_up_to_the_limit_count() -> None:
    members = [f"coding-{number}" for number in range(10_000)]
    names = parse_accept_encoding(",".join(members))
    assert list(names) == members[: len(names)]
    assert LONGEST_FIELD - 20 < len(",".join(names)) < LONGEST_FIELD


def test_a_header_as_long_as_the_limit_is_read_whole() -> None:
    padding = " " * (LONGEST_FIELD - len("br,gzip"))
    assert parse_accept_encoding(f"br,{padding}gzip") == {"br": 1000, "gzip": 1000}


def test_a_coding_is_not_cut_into_another_at_the_limit() -> None:
    padding = " " * (LONGEST_FIELD - len("br,gzip"))
    assert parse_accept_encoding(f"br,{padding}gzip-not") == {"br": 1000}


@QUICK
@given(ACCEPT_ENCODINGS, st.integers(0, 5000))
def test_a_long_header_is_as_good_as_its_start(value: str, padding: int) -> None:
    long = "gzip;q=0.5," + " " * padding + value
    expected = long if len(long) <= LONGEST_FIELD else long[: long.rfind(",", 0, LONGEST_FIELD) + 1]
    assert parse_accept_encoding(long) == reference_qvalues(expected)


def test_a_header_that_is_too_long_to_be_remembered_gets_its_coding_too() -> None:
    assert choose_coding("gzip," + " " * LONGEST_REMEMBERED + "x", SIZES) == "gzip"


@pytest.mark.parametrize(
    ("coding", "value", "expected"),
    [
        ("br", None, True),
        ("br", "br", True),
        ("br", "br;q=0.001", True),
        ("br", "br;q=0, *", False),
        ("br", "*;q=0.001", True),
        ("br", "*;q=0", False),
        ("br", "gzip", False),
        ("identity", "gzip", True),
        ("identity", "identity;q=0", True),
    ],
)
def test_a_coding_is_acceptable_if_the_field_ranks_it_above_0(
    coding: str, value: str | None, expected: bool
) -> None:
    assert is_acceptable(coding, value) == expected


# Suffixes and decoders


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("app.css.br", "br"),
        ("app.css.gz", "gzip"),
        ("app.css.zst", "zstd"),
        (".gz", "gzip"),
        ("app.css", None),
        ("app.css.GZ", None),
        ("appgz", None),
        ("", None),
    ],
)
def test_a_variant_is_known_by_its_suffix(path: str, name: str | None) -> None:
    coding = coding_of_suffix(path)
    assert (coding.name if coding else None) == name


def test_every_coding_stands_under_its_own_name() -> None:
    assert list(CODINGS) == [coding.name for coding in CODINGS.values()] == ["br", "gzip", "zstd"]
    assert IDENTITY not in CODINGS


ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "br": brotli.compress,
    "gzip": lambda content: gzip.compress(content, mtime=0),
    "zstd": zstd.compress,
}
every_coding = pytest.mark.parametrize("coding", CODINGS)


def cut(content: bytes, length: int) -> list[bytes]:
    return [content[start : start + length] for start in range(0, len(content), length)]


def decode(coding: str, chunks: list[bytes]) -> bytes:
    return b"".join(CODINGS[coding].decode(chunks))


def assert_damaged(coding: str, chunks: list[bytes]) -> None:
    with pytest.raises(DecodeError):
        decode(coding, chunks)


@every_coding
@QUICK
@given(
    content=st.binary(max_size=300),
    repeats=st.integers(1, 50),
    length=st.integers(1, 40),
    step=st.sampled_from([1, 7, 262_144]),
)
def test_what_was_encoded_decodes_from_chunks_of_any_length(
    coding: str, content: bytes, repeats: int, length: int, step: int
) -> None:
    content *= repeats
    encoded = ENCODERS[coding](content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashserve.http.codings, "_STEP", step)
        assert decode(coding, [b"", *cut(encoded, length), b""]) == content


@every_coding
def test_a_body_of_50_mb_is_decoded_in_small_pieces(coding: str) -> None:
    encoded = ENCODERS[coding](b"0" * 50_000_000)
    sizes = [len(piece) for piece in CODINGS[coding].decode([encoded])]
    assert sum(sizes) == 50_000_000
    assert max(sizes) < 2_000_000


@every_coding
@pytest.mark.parametrize("content", [b"", b"hello", b"hello" * 200])
@pytest.mark.parametrize("step", [1, 262_144])
def test_a_body_that_is_cut_short_anywhere_does_not_decode(
    coding: str, content: bytes, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hashserve.http.codings, "_STEP", step)
    encoded = ENCODERS[coding](content)
    for length in range(len(encoded)):
        assert_damaged(coding, [encoded[:length]])


@every_coding
@pytest.mark.parametrize("size", [0, 5, 262_144, 1_000_000])
def test_bytes_after_the_end_do_not_decode(coding: str, size: int) -> None:
    encoded = ENCODERS[coding](b"x" * size)
    assert_damaged(coding, [encoded, b"\0"])
    assert_damaged(coding, [encoded + b"\0"])
    assert_damaged(coding, [encoded + encoded])
    assert_damaged(coding, [encoded, encoded])


@pytest.mark.parametrize(
    ("coding", "end", "cut_short"),
    [
        ("br", "the end of the brotli stream", "the brotli stream is cut short"),
        ("gzip", "the end of the gzip member", "the gzip stream is cut short"),
        ("zstd", "the end of the zstd frame", "the zstd stream is cut short"),
    ],
)
def test_a_decode_error_says_what_is_wrong(coding: str, end: str, cut_short: str) -> None:
    encoded = ENCODERS[coding](b"hello")
    with pytest.raises(DecodeError, match=f"^{cut_short}$"):
        decode(coding, [encoded[:-1]])
    with pytest.raises(DecodeError, match=f"^bytes follow {end}$"):
        decode(coding, [encoded, b"\0"])


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_bytes_after_the_end_are_named_in_the_same_chunk_too(coding: str) -> None:
    with pytest.raises(DecodeError, match=r"^bytes follow the end"):
        decode(coding, [ENCODERS[coding](b"hello") + b"\0"])


@pytest.mark.parametrize("window_bits", [23, 24])
def test_zstd_that_needs_a_window_of_over_8_mib_does_not_decode(window_bits: int) -> None:
    """RFC 9659 section 3. A window of 128 MiB would take that much memory for each file."""
    options: dict[int, int] = {zstd.CompressionParameter.window_log: window_bits}
    compressor = zstd.ZstdCompressor(options=options)
    coded = compressor.compress(bytes(20_000_000)) + compressor.flush()
    if window_bits == 23:
        assert sum(map(len, CODINGS["zstd"].decode([coded]))) == 20_000_000
    else:
        with pytest.raises(DecodeError, match="too much memory"):
            list(CODINGS["zstd"].decode([coded]))


@every_coding
def test_a_decode_error_has_the_decoders_own_words(coding: str) -> None:
    with pytest.raises(DecodeError) as raised:
        decode(coding, [b"\xff" * 100])
    assert str(raised.value) == str(raised.value.__cause__)


def test_a_zlib_stream_is_not_gzip() -> None:
    assert_damaged("gzip", [zlib.compress(b"hello")])


@every_coding
def test_bytes_of_another_coding_do_not_decode(coding: str) -> None:
    for other in ENCODERS.keys() - {coding}:
        assert_damaged(coding, [ENCODERS[other](b"hello" * 100)])
    assert_damaged(coding, [b"hello"])
    assert_damaged(coding, [])


@every_coding
@QUICK
@given(
    content=st.binary(max_size=100),
    damage=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), min_size=1, max_size=3),
    length=st.integers(1, 300),
    step=st.sampled_from([1, 7, 262_144]),
)
def test_damage_is_a_decode_error_or_other_bytes(
    coding: str, content: bytes, damage: list[tuple[int, int]], length: int, step: int
) -> None:
    encoded = bytearray(ENCODERS[coding](content))
    for position, value in damage:
        encoded[position % len(encoded)] = value
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashserve.http.codings, "_STEP", step)
        with contextlib.suppress(DecodeError):
            decode(coding, cut(bytes(encoded), length))


def test_damage_in_the_last_bits_is_a_decode_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A match that begins before the first byte, in bits that zlib has taken in and not looked at.
    monkeypatch.setattr(hashserve.http.codings, "_STEP", 1)
    assert_damaged("gzip", [gzip.compress(b"", mtime=0)[:10] + b"\x4b\xc1\x44"])
