"""The table of a release's names."""

from __future__ import annotations

from hashserve.django.name_table import NameTable
from hashserve.manifest.model import AssetRecord, Manifest, format_row


def test_a_table_holds_the_release_in_force_of_a_manifest() -> None:
    digest = "mOEzhzknQlXFcByU3MExiLrgy6iF6LX2WWzhPgGoAu0="
    record = AssetRecord(path="a.1.css", size=3, sha256=digest)
    manifest = Manifest(
        paths={"a.css": "a.1.css", "b.css": "b.2.css", "c.txt": "c.txt"},
        files={"a.1.css": format_row(record, []), "b.2.css": None},
        release="r1",
    )
    assert NameTable.of(manifest) == NameTable(
        release="r1", names=manifest.paths, integrity={"a.css": f"sha256-{digest}"}
    )
