"""The same tree under nginx and hashserve, and the same bytes to both: every difference is explained.

Invariant: a difference is in `EXPLAINED`, with the section that allows our response or both, or it is a
defect. ``HASHSERVE_SOAK=1`` sends 20,000 requests instead of 400.
"""

from __future__ import annotations

import gzip
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import brotli
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hashserve.http.dates import format_date, parse_date
from tests.fuzz.secret_site import parts_of
from tests.support.files import put
from tests.support.parts import require_file
from tests.support.proxies import Nginx
from tests.support.served_root import RawConnection, RawResponse, ServedRoot
from tests.support.services import running
from tests.support.trees import POEM, STYLES, TEN, BuiltTree, put_variants

pytestmark = pytest.mark.real

SOAK = os.environ.get("HASHSERVE_SOAK") == "1"
NUMBER_OF_REQUESTS = 20_000 if SOAK else 400
MODIFIED = 1_700_000_000


# Both servers


class NginxStatic(Nginx):
    """nginx that serves ``root`` and its variants under ``/static/`` with a usual configuration."""

    def __init__(self, folder: Path, root: str) -> None:
        super().__init__(folder)
        self.root = root

    def configuration(self) -> str:
        """Load the brotli module, which is not a part of nginx."""
        return f"load_module {require_file('nginx brotli')};\n{super().configuration()}"

    def http(self) -> str:
        """Compare dates as RFC 9110 requires, and keep connections open."""
        return "if_modified_since before; keepalive_requests 1000000; large_client_header_buffers 4 32k;"

    def server(self) -> str:
        """Serve the root."""
        return (
            "merge_slashes off; gzip_vary on; absolute_redirect off; "
            f"location /static/ {{ alias {self.root}/; gzip_static on; brotli_static on; }}"
        )


@dataclass
class Servers:
    """A connection to nginx and to hashserve, and the entity-tags of each by name and coding."""

    theirs: RawConnection
    ours: RawConnection
    tree: BuiltTree
    tags: dict[str, dict[str, dict[str, str]]]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("oracle")
    tree = make_tree(str(folder / "root"))
    os.chmod(folder, 0o755)
    ours = ServedRoot(folder / "ours", tree.root, {}, {})
    with (
        running(NginxStatic(folder / "nginx", tree.root)) as nginx,
        running(ours),
        RawConnection(nginx.port) as nginx_connection,
        RawConnection(ours.port) as our_connection,
    ):
        connections = {"theirs": nginx_connection, "ours": our_connection}
        tags = {whose: tags_of(connection, tree) for whose, connection in connections.items()}
        yield Servers(nginx_connection, our_connection, tree, tags)


def make_tree(root: str) -> BuiltTree:
    """Make a tree in which all files, variants too, have the same modification time."""
    tree = BuiltTree(root)
    tree.add("ten.txt", TEN)
    tree.add("css/styles.css", STYLES, variants=True)
    tree.publish()
    put(root, "live.css", STYLES)
    put_variants(root, "live.css", STYLES)
    put(root, "empty.txt", b"")
    put(root, "tëxt/é ü.txt", POEM)
    put(root, ".hidden.txt", b"hidden")
    for path, _, names in os.walk(root):
        for name in names:
            os.utime(os.path.join(path, name), (MODIFIED, MODIFIED))
    return tree


CONTENTS = {
    "ten.txt": TEN,
    "css/styles.css": STYLES,
    "live.css": STYLES,
    "empty.txt": b"",
    "tëxt/é ü.txt": POEM,
}
WITH_VARIANTS = ("css/styles.css", "live.css")


def names_of(tree: BuiltTree) -> dict[str, str]:
    """Return the path of each file by its name in these tests; ``#`` starts that of a fingerprinted file."""
    return {**{name: name for name in CONTENTS}, **{f"#{name}": path for name, path in tree.names.items()}}


def tags_of(connection: RawConnection, tree: BuiltTree) -> dict[str, dict[str, str]]:
    return {
        name: {
            coding: connection.ask(written("GET", quoted(path), [("Accept-Encoding", coding)])).fields["etag"]
            for coding in ("identity", "gzip", "br")
        }
        for name, path in names_of(tree).items()
    }


def quoted(path: str) -> str:
    return "/static/" + "".join(
        chr(byte) if chr(byte) in "/.-_" or (chr(byte).isalnum() and byte < 128) else f"%{byte:02X}"
        for byte in path.encode()
    )


def written(method: str, target: str, fields: Sequence[tuple[str, str]]) -> bytes:
    """Write a request as bytes."""
    lines = [
        f"{method} {target} HTTP/1.1",
        "Host: localhost",
        *(f"{name}: {value}" for name, value in fields),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


# The requests


@dataclass(frozen=True)
class Request:
    """A request; ``{identity}``, ``{gzip}`` and ``{br}`` stand for the entity-tags of its server."""

    method: str
    name: str
    spelling: str
    fields: tuple[tuple[str, str], ...]

    def value(self, name: str) -> str | None:
        """Return the value of a field; None if it is not sent."""
        return dict(self.fields).get(name)

    def bytes_for(self, servers: Servers, whose: str) -> bytes:
        """Return the bytes of the request for one of the servers."""
        names = names_of(servers.tree)
        path = quoted(names[self.name]) if self.name in names else ""
        tags = servers.tags[whose][self.name if self.name in names else "ten.txt"]
        target = SPELLINGS[self.spelling](path or f"/static/{self.name}")
        fields = [(name, _filled(value, tags)) for name, value in self.fields]
        return written(self.method, target, fields)


def _filled(value: str, tags: dict[str, str]) -> str:
    return re.sub(r"\{(identity|gzip|br)\}", lambda match: tags[match[1]], value)


def _every_byte(path: str) -> str:
    head, name = path[: len("/static/")], path[len("/static/") :]
    return head + re.sub(
        r"%..|[^/]", lambda match: match[0] if len(match[0]) > 1 else f"%{ord(match[0]):02x}", name
    )


SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "with a query": lambda path: f"{path}?v=1&x=%20",
    "with an empty query": lambda path: f"{path}?",
    "every byte encoded": _every_byte,
    "lower-case hexadecimal": lambda path: re.sub(r"%..", lambda match: match[0].lower(), path),
    "slash encoded": lambda path: "/static/" + path[len("/static/") :].replace("/", "%2F"),
    "dot segment": lambda path: path.replace("/static/", "/static/./"),
    "dot segments": lambda path: path.replace("/static/", "/static/css/../"),
    "encoded dots": lambda path: path.replace("/static/", "/static/css/%2e%2e/"),
    "out of the prefix and back": lambda path: path.replace("/static/", "/static/../static/"),
    "two slashes": lambda path: path.replace("/static/", "/static//"),
    "slash at the end": lambda path: f"{path}/",
    "NUL at the end": lambda path: f"{path}%00",
    "encoded twice": lambda path: path.replace("/static/", "/static/").replace(".", "%252e"),
    "not hexadecimal": lambda path: f"{path}%zz",
    "backslash": lambda path: path.replace("/static/", "/static/.%5c"),
    "absolute": lambda path: f"http://localhost{path}",
    "variant": lambda path: f"{path}.br",
}

ODD_NAMES = (
    "",
    "css",
    "css/",
    "nothing.txt",
    ".hidden.txt",
    "staticfiles.json",
    "x" * 300,
    "css/styles.0123456789ab.css",
)
FILES = (*CONTENTS, "#ten.txt", "#css/styles.css")

METHODS = st.sampled_from([*["GET"] * 24, *["HEAD"] * 5, "POST", "DELETE", "PUT", "OPTIONS"])
NAMES = st.sampled_from([*FILES * 8, *ODD_NAMES])
SPELLING = st.sampled_from([*["plain"] * 80, *sorted(SPELLINGS)])
OTHER_DATES = ("Tuesday, 14-Nov-23 22:13:20 GMT", "Tue Nov 14 22:13:20 2023")
NO_DATES = ("yesterday", "", "Tue, 14 Nov 2023 22:13:20")
DATES = st.one_of(
    st.sampled_from([MODIFIED - 1, MODIFIED, MODIFIED + 1, 0, 4_000_000_000]).map(format_date),
    st.sampled_from(
        [
            "Tuesday, 14-Nov-23 22:13:20 GMT",
            "Tue Nov 14 22:13:20 2023",
            "yesterday",
            "",
            "Tue, 14 Nov 2023 22:13:20",
        ]
    ),
)
TAG = st.sampled_from(
    ["{identity}", "{gzip}", "{br}", "W/{identity}", "W/{gzip}", '"nope"', 'W/"nope"', "*", "nope", '"']
)
TAGS = st.one_of(TAG, st.lists(TAG, min_size=1, max_size=4).map(", ".join))
POSITION = st.sampled_from(
    ["0", "1", "4", "9", "10", "11", "99", "4000", "9599", "9600", "99999999999999999999"]
)
RANGE = st.one_of(
    st.builds("{}-{}".format, POSITION, POSITION),
    POSITION.map("{}-".format),
    POSITION.map("-{}".format),
    st.sampled_from(["", "-", "a-b", "--5", " 0-1", "0-1 ", "1_0-2_0", "0 - 1"]),
)
RANGES = st.builds(
    "{}{}".format,
    st.sampled_from(["bytes="] * 8 + ["bytes =", "BYTES=", "items=", "bytes"]),
    st.one_of(RANGE, st.lists(RANGE, min_size=2, max_size=12).map(",".join)),
)
CODING = st.builds(
    "{}{}".format,
    st.sampled_from(["gzip", "br", "identity", "*", "deflate", "x-gzip", "GZIP", "gzipped", "zstd"]),
    st.sampled_from(["", "", "", ";q=0", ";q=1", ";q=0.5", "; q=0.001", ";q=0.0", ";q=x", " ;Q=1.000"]),
)
CODINGS = st.lists(CODING, max_size=4).map(", ".join)


def optional(name: str, values: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, str] | None]:
    """Return a strategy for a field, which is None in two of three cases."""
    return st.sampled_from([False, False, True]).flatmap(
        lambda is_sent: values.map(lambda value: (name, value)) if is_sent else st.none()
    )


FIELDS = st.tuples(
    optional("Range", RANGES),
    optional("If-Range", st.one_of(TAG, DATES)),
    optional("If-Match", TAGS),
    optional("If-None-Match", TAGS),
    optional("If-Modified-Since", DATES),
    optional("If-Unmodified-Since", DATES),
    optional("Accept-Encoding", CODINGS),
).map(lambda fields: tuple(field for field in fields if field is not None))

REQUESTS = st.builds(Request, METHODS, NAMES, SPELLING, FIELDS)


# The responses


@dataclass(frozen=True)
class Outcome:
    """The compared parts of a response: status, coding, ranges, and content."""

    status: int
    coding: str | None = None
    parts: tuple[tuple[str, bytes], ...] = ()
    content: bytes = b""
    modified: str | None = None


def outcome_of(request: Request, answer: RawResponse) -> Outcome:
    """Return the compared parts of a response; fail if it is malformed."""
    fields, coding = answer.fields, answer.fields.get("content-encoding")
    if answer.status in (200, 206, 304):
        assert "etag" in fields
    if answer.status == 206 and request.method == "GET":
        parts = parts_of(answer.body, fields["content-type"], fields.get("content-range"))
        return Outcome(206, coding, tuple(parts), modified=fields.get("last-modified"))
    if answer.status == 200:
        content = answer.body
        if request.method == "GET":
            content = gzip.decompress(content) if coding == "gzip" else content
            content = brotli.decompress(content) if coding == "br" else content
        return Outcome(200, coding, content=content, modified=fields.get("last-modified"))
    if answer.status == 416:
        return Outcome(416, parts=((fields["content-range"], b""),))
    return Outcome(answer.status)


# The explanations


def has_odd_path(request: Request) -> bool:
    """Return whether hashserve never looks up a path in this spelling."""
    return request.spelling in {
        *(
            "dot segment",
            "dot segments",
            "encoded dots",
            "out of the prefix and back",
            "two slashes",
            "NUL at the end",
        ),
        *("not hexadecimal", "backslash"),
    }


def accepts(request: Request, coding: str) -> int:
    """Return the qvalue of a coding in thousandths, strictly by section 12.5.3."""
    qvalues: dict[str, int] = {}
    for member in (request.value("Accept-Encoding") or "").lower().split(","):
        name, _, weight = (part.strip() for part in member.partition(";"))
        match = re.fullmatch(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", weight or "q=1")
        if match is not None:
            qvalues.setdefault({"x-gzip": "gzip"}.get(name, name), round(float(match[1]) * 1000))
    return qvalues.get(coding, qvalues.get("*", 0))


def is_best(request: Request, coding: str | None) -> bool:
    """Return whether ``coding`` is acceptable, and no available coding has a higher qvalue."""
    chosen = accepts(request, coding or "identity")
    others = [accepts(request, other) for other in ("br", "gzip")]
    return chosen >= max(others) if coding else max(others) <= chosen or max(others) == 0


def is_backwards(value: str) -> bool:
    match = re.fullmatch(r"bytes=([0-9]+)-([0-9]+)", value)
    return match is not None and int(match[1]) > int(match[2])


def is_one_valid_range(value: str) -> bool:
    return re.fullmatch(r"bytes=([0-9]+-[0-9]*|-[0-9]+)", value) is not None and not is_backwards(value)


def sends(request: Request, *names: str) -> bool:
    return any(request.value(name) is not None for name in names)


Explanation = Callable[[Request, Outcome, Outcome], bool]

ANY_OF_A_FILE = {200, 206, 304, 412, 416}
"""The statuses of an existing file, by preconditions and ranges."""


def options(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Ours is right: 9.3.7, OPTIONS lists the methods of a resource; nginx refuses it for files."""
    return asked.method == "OPTIONS" and ours.status in (204, 404) and theirs.status in (400, 403, 404, 405)


def method_of_nothing(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Both are right: 15.5.5 and 15.5.6, a missing file has no methods to allow."""
    return (
        asked.method in ("POST", "PUT", "DELETE") and ours.status == 404 and theirs.status in (301, 403, 405)
    )


def odd_path(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Both are right: RFC 3986, 6.2.2.3, a server may resolve ``..`` and ``//``; hashserve does not."""
    return has_odd_path(asked) and ours.status == 404 and theirs.status in {400, 405, *ANY_OF_A_FILE}


def never_served(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Both are right: 9.3.1, the server decides what is a resource: here no hidden files and no variants."""
    hidden = (".hidden.txt", "staticfiles.json", "", "css", "css/")
    return ours.status == 404 and (asked.name in hidden or asked.spelling == "variant")


def coding(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Ours is right: 12.5.3, the highest qvalue wins, ``*`` matches the rest; nginx reads zero or not."""
    return (
        ours.coding != theirs.coding
        and is_best(asked, ours.coding)
        and (ours.status, ours.content) == (theirs.status, theirs.content)
        and (ours.status == 206 or ours.parts == theirs.parts)
    )


def size_of_another_coding(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Ours is right: 12.5.3, as in `coding`; a range may be past the end of another representation."""
    return (
        sends(asked, "Accept-Encoding")
        and sends(asked, "Range")
        and {ours.status, theirs.status} <= {200, 206, 416}
        and (ours.status == 416 or is_best(asked, ours.coding))
        and asked.name.removeprefix("#") in WITH_VARIANTS
    )


def tag_of_another_coding(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Both are right: RFC 9111, 4.3.4, a 304 names the still valid stored response by its tag."""
    return (
        ours.status == 304
        and theirs.status in (200, 206, 416)
        and "{" in (asked.value("If-None-Match") or "")
    )


def strong_tag_of_another_coding(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Ours is right: 12.5.3, as in `coding`; If-Match and If-Range concern the selected representation."""
    return (
        sends(asked, "Accept-Encoding")
        and any("{" in (asked.value(name) or "") for name in ("If-Match", "If-Range", "If-None-Match"))
        and {ours.status, theirs.status} <= ANY_OF_A_FILE
        and asked.name.removeprefix("#") in WITH_VARIANTS
    )


def range_of_head(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Ours is right: 14.2, Range is ignored for every method except GET."""
    return (
        asked.method == "HEAD"
        and sends(asked, "Range")
        and ours.status == 200
        and theirs.status in (206, 416)
    )


def invalid_range(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Both are right: 14.2, an invalid Range, or one of many parts, may be ignored or rejected."""
    return not is_one_valid_range(asked.value("Range") or "") and {ours.status, theirs.status} == {200, 416}


def many_ranges(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Both are right: 14.2, many ranges, or as many bytes as the whole, may get the whole."""
    return "," in (asked.value("Range") or "") and {ours.status, theirs.status} == {200, 206}


def unit_or_spaces(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Ours is right: 14.1, units are case-insensitive, and white space is allowed only around commas."""
    value = asked.value("Range") or ""
    is_odd = value != "" and (not value.startswith("bytes=") or " " in value)
    return is_odd and {ours.status, theirs.status} <= {200, 206, 416}


def large_numbers(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Ours is right: 14.1.1, recipients must accept large numbers; nginx rejects 19 digits."""
    has_large = re.search("[0-9]{19}", asked.value("Range") or "") is not None
    return has_large and theirs.status == 416 and ours.status in (200, 206)


def empty_members(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Ours is right: 5.6.1.2, recipients must accept empty members of a list; nginx rejects some."""
    members = [member.strip() for member in (asked.value("Range") or "").split(",")]
    return "" in members[1:] and theirs.status == 416 and ours.status in (200, 206)


def range_of_nothing(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Both are right: 14.2, a server may ignore Range; an empty file has no ranges."""
    is_of_nothing = asked.name == "empty.txt" and sends(asked, "Range")
    return is_of_nothing and (ours.status, theirs.status) == (200, 416)


def match_before_date(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Ours is right: 13.2.2, If-Unmodified-Since is ignored next to an If-Match."""
    return sends(asked, "If-Match") and sends(asked, "If-Unmodified-Since") and theirs.status == 412


def none_match_before_date(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Ours is right: 13.2.2, If-Modified-Since is ignored next to an If-None-Match."""
    both = sends(asked, "If-None-Match") and sends(asked, "If-Modified-Since")
    return both and ours.status == 304 and theirs.status in (200, 206, 416)


def no_modification_date(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Ours is right: 13.1.3 and 13.1.4, dates are ignored for files without a Last-Modified."""
    return (
        asked.name.startswith("#")
        and sends(asked, "If-Modified-Since", "If-Unmodified-Since", "If-Range")
        and {ours.status, theirs.status} <= ANY_OF_A_FILE
    )


def invalid_date(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Ours is right: 13.1.3, 13.1.4 and 13.1.5, an invalid date is ignored."""
    dates = {asked.value(name) for name in ("If-Modified-Since", "If-Unmodified-Since", "If-Range")}
    return bool(dates & set(NO_DATES)) and {ours.status, theirs.status} <= ANY_OF_A_FILE


def date_of_several_codings(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Both are right: 13.1.5, a date that several codings share is not a strong validator of one of them."""
    is_date = parse_date(asked.value("If-Range") or "") == MODIFIED
    return is_date and ours.status == 200 and theirs.status in (206, 416)


def no_list_of_tags(asked: Request, theirs: Outcome, ours: Outcome) -> bool:
    """Ours is right: 13.1.1 and 8.8.3, a list ends at the first malformed member, and ``*`` stands alone."""
    values = [asked.value(name) or "" for name in ("If-Match", "If-None-Match", "If-Range")]
    is_odd = any(re.search(r'(^|, )(nope|"|\*)(,|$)', value) for value in values)
    return is_odd and {ours.status, theirs.status} <= ANY_OF_A_FILE


EXPLAINED: tuple[Explanation, ...] = (
    options,
    method_of_nothing,
    odd_path,
    never_served,
    coding,
    range_of_head,
    invalid_range,
    many_ranges,
    unit_or_spaces,
    large_numbers,
    empty_members,
    range_of_nothing,
    match_before_date,
    none_match_before_date,
    no_modification_date,
    invalid_date,
    date_of_several_codings,
    no_list_of_tags,
    tag_of_another_coding,
    strong_tag_of_another_coding,
    size_of_another_coding,
)
"""Every difference that is not a defect, and why."""


COUNTS: Counter[str] = Counter()


def explanation(asked: Request, theirs: Outcome, ours: Outcome) -> str | None:
    """Return the name of the difference; None if nothing explains it."""
    return next((each.__name__ for each in EXPLAINED if each(asked, theirs, ours)), None)


def same(theirs: Outcome, ours: Outcome, asked: Request) -> bool:
    """Return whether nothing differs; our fingerprinted files have no modification date (13.1.3)."""
    if asked.name.startswith("#"):
        theirs = replace(theirs, modified=None)
    return theirs == ours


def test_every_difference_between_nginx_and_hashserve_is_explained(servers: Servers) -> None:
    @settings(
        max_examples=NUMBER_OF_REQUESTS,
        deadline=None,
        database=None,
        derandomize=not SOAK,
        suppress_health_check=list(HealthCheck),
    )
    @given(REQUESTS)
    def ask_both(asked: Request) -> None:
        their_answer = servers.theirs.ask(asked.bytes_for(servers, "theirs"))
        our_answer = servers.ours.ask(asked.bytes_for(servers, "ours"))
        theirs, ours = outcome_of(asked, their_answer), outcome_of(asked, our_answer)
        COUNTS["asked"] += 1
        assert ours.status < 500
        if same(theirs, ours, asked):
            COUNTS["same"] += 1
            COUNTS[f"same, {ours.status}"] += 1
            return
        why = explanation(asked, theirs, ours)
        if why is None:
            defects.append(f"{asked}\nnginx: {their_answer}\nours: {our_answer}")
        COUNTS[why or "unexplained"] += 1

    defects: list[str] = []
    COUNTS.clear()
    ask_both()
    print(f"\noracle: {dict(COUNTS.most_common())}")
    assert not defects, "\n".join(sorted(defects, key=len)[:5])
    assert COUNTS["same"] > NUMBER_OF_REQUESTS / 4


@pytest.mark.parametrize("each", EXPLAINED)
def test_each_explanation_names_its_section(each: Explanation) -> None:
    assert re.match(r"(Ours is|Both are) right: (RFC [0-9]{4}, )?[0-9]+\.[0-9.]*[0-9]", each.__doc__ or "")
