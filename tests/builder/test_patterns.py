"""References that a framework's own patterns match."""

from __future__ import annotations

from pathlib import Path

from hashserve.builder.naming.fingerprinter import Fingerprinter
from hashserve.builder.references.reference import Reference, ReferenceKind
from hashserve.builder.references.rewrite import Frame
from hashserve.builder.sources.patterns import Matched, merged
from hashserve.builder.sources.scanner import Scanner
from hashserve.builder.sources.tree import SourceFile
from tests.support.files import put
from tests.support.growth import assert_linear

PATHS = frozenset({"app.css", "app.js", "leaf.js", "dot.svg"})


def matched(content: bytes, url: bytes, start: bytes, end: bytes, *, is_new: bool = False) -> Matched:
    """What a pattern matches: the first ``url`` in ``content``, in a frame from ``start`` to ``end``."""
    first, begin = content.index(url), content.index(start)
    reference = Reference(
        start=first, end=first + len(url), target=url.decode(), kind=ReferenceKind.PATTERN, delimiter='"'
    )
    frame = Frame(start=begin, end=content.index(end, begin) + len(end), before=b"<", after=b">")
    return Matched(reference=reference, frame=frame, is_new=is_new)


def test_many_new_references_take_time_in_proportion_to_their_number() -> None:
    def merge(size: int) -> None:
        ours = [reference_at(number * 20, number * 20 + 5) for number in range(size)]
        new = [
            reference_at(number * 20 + at, number * 20 + at + 6) for number in range(size) for at in (3, 8)
        ]
        frame = Frame(start=0, end=0, before=b"", after=b"")
        found = [Matched(reference=reference, frame=frame, is_new=True) for reference in new]
        result = [(item.start % 20, item.end % 20) for item in merged(ours, found)]
        assert result == [(0, 5), (8, 14)] * size

    assert_linear(merge, size=100)


def reference_at(start: int, end: int) -> Reference:
    return Reference(start=start, end=end, target="a", kind=ReferenceKind.PATTERN, delimiter='"')


def links_with(folder: Path, path: str, content: bytes, *found: Matched) -> list[tuple[str, bool]]:
    """Scan with patterns that match ``found``; gives each link's target, and whether it has a frame."""
    file = SourceFile(logical_path=path, location=str(put(folder, path, content)))
    patterns = {path: lambda content, references: found}.get
    scanned = Scanner(PATHS, Fingerprinter(), prefix="/static/", patterns=patterns).scan(file)
    return [(link.reference.target, link.frame is not None) for link in scanned.links]


def test_a_pattern_frames_the_reference_that_it_matches(tmp_path: Path) -> None:
    content = b"a{b:url(dot.svg);c:url('dot.svg')}"
    found = matched(content, b"dot.svg", b"url(", b")")
    assert links_with(tmp_path, "app.css", content, found) == [("dot.svg", True), ("dot.svg", False)]


def test_a_pattern_finds_references_where_no_language_has_any_only_if_they_are_new(tmp_path: Path) -> None:
    content = b'{"icon": "dot.svg"}'
    for is_new, expected in ((True, [("dot.svg", True)]), (False, [])):
        found = matched(content, b"dot.svg", b'"dot', b'svg"', is_new=is_new)
        assert links_with(tmp_path, "app.json", content, found) == expected


def test_what_a_lexer_found_is_not_found_once_more(tmp_path: Path) -> None:
    content = b"a{b:url(dot.svg)}"
    found = matched(content, b"dot.svg", b"url(", b")", is_new=True)
    assert links_with(tmp_path, "app.css", content, found) == [("dot.svg", True)]


def test_a_frame_that_reaches_into_another_reference_is_not_used(tmp_path: Path) -> None:
    content = b"a{b:url(dot.svg);c:url(app.js);d:url(leaf.js)}"
    wide = matched(content, b"dot.svg", b"url(dot", b"app")
    late = matched(content, b"leaf.js", b"app.js", b"leaf.js)")
    targets = [("dot.svg", False), ("app.js", False), ("leaf.js", False)]
    assert links_with(tmp_path, "app.css", content, wide, late) == targets
