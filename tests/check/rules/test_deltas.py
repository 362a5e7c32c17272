"""Rules about deltas."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from hashserve import Manifest
from hashserve.builder import BuildSettings, build
from hashserve.builder.chunks import read_chunks
from hashserve.builder.compression.compressors import compress_delta
from hashserve.check import CheckSettings, check, delta_contents, sarif
from hashserve.check.published_tree import FileOnDisk
from hashserve.check.reports.text import text_lines
from hashserve.manifest.model import DeltaRecord
from tests.support.files import put
from tests.support.published_folder import add_delta, checked

RULES = b"".join(b"a%d { color: #%06x }\n" % (n, Random(n).randrange(1 << 24)) for n in range(300))

SAME = b"a { color: red }\n" * 1000
"""A content that is so uniform that its best variant is smaller than any delta."""


@pytest.fixture(scope="module")
def two_releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deltas")
    for turn in (b"1", b"2"):
        put(folder / "source", "css/app.css", RULES + b"/* " + turn + b" */")
        put(folder / "source", "css/same.css", SAME + b"/* " + turn + b" */")
        build(folder / "source", folder / "out", BuildSettings(codings=("br", "gzip")))
    return folder / "out"


@pytest.fixture
def out(two_releases: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(two_releases, tmp_path / "out"))


@pytest.fixture
def delta(out: Path) -> DeltaRecord:
    return add_delta(out, "css/app.css")


def test_a_delta_that_decodes_to_its_file_is_right(out: Path, delta: DeltaRecord) -> None:
    report = check(out)
    assert report.findings == ()
    assert report.deltas == 1
    served = [path for path in out.rglob("*.*") if path.name != "staticfiles.json" and path.is_file()]
    assert report.size == sum(path.stat().st_size for path in served if ".hashserve" not in path.parts)
    assert delta.size < 200


def test_a_listed_delta_that_is_gone_is_missing(out: Path, delta: DeltaRecord) -> None:
    (out / delta.path).unlink()
    assert checked(out) == [("delta-missing", delta.path)]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda content: content[:-3],
    "cut in its header": lambda content: content[:20],
    "empty": lambda content: b"",
    "bytes after the end": lambda content: content + b"\x00",
    "a damaged byte": lambda content: content[:-6] + bytes([content[-6] ^ 255]) + content[-5:],
    "another dictionary": lambda content: compress_delta(RULES + b"/* 2 */", RULES),
    "brotli": lambda content: b"\x0b\x02\x80" + content,
    "very many bytes": lambda content: compress_delta(bytes(50_000_000), RULES + b"/* 1 */"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_delta_that_does_not_decode_is_broken_and_its_dictionary_is_named(
    damage: str, out: Path, delta: DeltaRecord
) -> None:
    location = out / delta.path
    location.write_bytes(DAMAGE[damage](location.read_bytes()))
    (finding,) = check(out).findings
    assert (finding.rule, finding.path) == ("delta-broken", delta.path)
    assert delta.dictionary in finding.message


def test_a_delta_that_nobody_may_read_is_reported_once(out: Path, delta: DeltaRecord) -> None:
    (out / delta.path).chmod(0)
    assert checked(out) == [("file-unreadable", delta.path)]


def test_a_delta_that_cannot_be_read_is_broken(
    out: Path, delta: DeltaRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(location: str) -> object:
        if location.endswith(".dcz"):
            raise PermissionError(13, "Permission denied")
        return read_chunks(location)

    monkeypatch.setattr(delta_contents, "read_chunks", refuse)
    (finding,) = check(out).findings
    assert (finding.rule, finding.message) == ("delta-broken", "cannot be read: Permission denied")


def test_a_delta_of_other_bytes_differs(out: Path, delta: DeltaRecord) -> None:
    content = compress_delta(RULES + b"/* 3 */", (out / delta.dictionary).read_bytes())
    (out / delta.path).write_bytes(content)
    (finding, *others) = check(out).findings
    assert (finding.rule, finding.path) == ("delta-differs", delta.path)
    assert "SHA-256" in finding.message
    assert {item.rule for item in others} <= {"delta-differs"}


def test_a_delta_of_another_size_than_listed_differs(out: Path, delta: DeltaRecord) -> None:
    location = out / "staticfiles.json"
    text = location.read_text().replace(f'"{delta.size} {delta.token}', f'"{delta.size + 1} {delta.token}')
    location.write_text(text)
    (finding,) = check(out).findings
    assert (finding.rule, finding.path) == ("delta-differs", delta.path)
    assert f"the manifest states {delta.size + 1}" in finding.message


def test_a_delta_whose_dictionary_is_gone_is_unproven(out: Path, delta: DeltaRecord) -> None:
    (out / delta.dictionary).unlink()
    assert checked(out) == [("file-missing", delta.dictionary), ("delta-unproven", delta.path)]


def test_a_delta_whose_dictionary_is_changed_is_unproven(out: Path, delta: DeltaRecord) -> None:
    location = out / delta.dictionary
    location.write_bytes(location.read_bytes().replace(b"/* 1 */", b"/* x */"))
    findings = {item.rule: item for item in check(out).findings}
    assert findings.keys() == {"file-changed", "delta-unproven"}
    assert f"{delta.dictionary!r} has another SHA-256" in findings["delta-unproven"].message


def test_a_delta_whose_dictionary_cannot_be_read_is_unproven(
    out: Path, delta: DeltaRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(location: str) -> object:
        raise PermissionError(13, f"Permission denied: {location}")

    monkeypatch.setattr(delta_contents, "read_chunks", refuse)
    (finding,) = check(out).findings
    assert finding.rule == "delta-unproven"
    assert f"{delta.dictionary!r} cannot be read: Permission denied" in finding.message


def test_a_dictionary_that_is_too_large_is_not_read(
    out: Path, delta: DeltaRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delta_contents, "LARGEST_BYTES", 1000)
    (finding,) = check(out).findings
    assert finding.rule == "delta-unproven"
    assert "has more than 1,000 bytes" in finding.message


def test_a_large_dictionary_is_alone_in_memory(
    out: Path, delta: DeltaRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    held: list[bool] = []

    class Reader(delta_contents._DeltaReader):
        def _decoded(self, file: FileOnDisk, delta: DeltaRecord) -> str:
            held.append(self._large.locked())
            return super()._decoded(file, delta)

    monkeypatch.setattr(delta_contents, "_DeltaReader", Reader)
    assert checked(out) == []
    monkeypatch.setattr(delta_contents, "_LARGE_BYTES", 1000)
    assert checked(out, threads=2) == []
    assert held == [False, True]


def test_a_delta_that_is_larger_than_the_best_variant_is_noted(out: Path) -> None:
    delta = add_delta(out, "css/same.css")
    (finding,) = check(out).findings
    assert (finding.rule, finding.path) == ("delta-larger", delta.path)
    best = min(path.stat().st_size for path in out.glob(f"{delta.of}*") if path.suffix != ".dcz")
    assert f"{delta.size:,} bytes; without a dictionary, {best:,} are enough" in finding.message


def test_a_manifest_whose_delta_has_an_unlisted_dictionary_is_broken(out: Path, delta: DeltaRecord) -> None:
    location = out / "staticfiles.json"
    row = f"{delta.size} {delta.token} "
    text = location.read_text().replace(row + delta.dictionary, row + "css/none.0123456789ab.css")
    location.write_text(text)
    findings = {item.rule: item for item in check(out).findings}
    assert "css/none.0123456789ab.css" in findings["manifest-broken"].message


def test_findings_about_deltas_are_accepted_by_logical_path(out: Path, delta: DeltaRecord) -> None:
    (out / delta.path).unlink()
    report = check(out, CheckSettings(accept=["delta-missing:css/app.css.dcz"]))
    assert report.findings == ()
    assert [item.finding.path for item in report.accepted] == [delta.path]


def test_a_delta_that_is_not_listed_is_a_leftover(out: Path, delta: DeltaRecord) -> None:
    manifest = Manifest.load(out / "staticfiles.json")
    manifest._replace(deltas={}).write(out / "staticfiles.json")
    put(out, "css/app.css.0a1b2c3d4e5f.dcz", b"of an unhashed file")
    assert checked(out) == [
        ("leftover", delta.path),
        ("file-unlisted", "css/app.css.0a1b2c3d4e5f.dcz"),
    ]


def test_a_delta_whose_file_is_a_leftover_is_one_too(out: Path) -> None:
    put(out, "css/app.0123456789ab.css.ba9876543210.dcz", b"of a release that was dropped")
    assert checked(out) == [("leftover", "css/app.0123456789ab.css.ba9876543210.dcz")]


def test_an_unlisted_delta_of_a_bundlers_file_is_a_leftover(tmp_path: Path) -> None:
    path = "assets/index-DiwrgTda.js"
    put(tmp_path / "source", path, RULES)
    build(tmp_path / "source", tmp_path / "out", BuildSettings(already_hashed=(path,)))
    put(tmp_path / "out", f"{path}.0123456789ab.dcz", b"of a release that was dropped")
    assert checked(tmp_path / "out") == [("leftover", f"{path}.0123456789ab.dcz")]


def test_a_source_file_with_the_suffix_of_deltas_is_a_file_of_its_own(tmp_path: Path) -> None:
    put(tmp_path / "source", "data.0123456789ab.dcz", b"of another tool")
    build(tmp_path / "source", tmp_path / "out")
    assert checked(tmp_path / "out") == []


def test_a_finding_about_a_delta_keeps_its_identity_in_sarif_for_another_fingerprint(
    out: Path, delta: DeltaRecord
) -> None:
    identities = []
    for old, new in ((delta.path, f"{delta.of}.0a1b2c3d4e5f.dcz"), (delta.of, "css/app.0a1b2c3d4e5f.css")):
        location = out / "staticfiles.json"
        text = location.read_text().replace(old.rpartition("/")[2], new.rpartition("/")[2])
        location.write_text(text.replace(f" {delta.token} ", " 0a1b2c3d4e5f "))
        results = sarif(check(out))["runs"][0]["results"]
        identities += [item["partialFingerprints"] for item in results if item["ruleId"].startswith("delta-")]
    assert len(identities) == 2
    assert identities[0] == identities[1]


def test_the_last_line_counts_deltas(out: Path, delta: DeltaRecord) -> None:
    *_, (_, line) = text_lines(check(out), 0.1)
    assert ", 1 delta, 2 releases checked" in line
