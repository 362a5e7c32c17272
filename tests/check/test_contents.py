"""Contents that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from hashserve.check import contents
from tests.support.published_folder import checked, paths_of


def test_each_file_that_cannot_be_read_is_reported(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(location: str) -> list[bytes]:
        raise PermissionError(13, f"Permission denied: {location}")

    monkeypatch.setattr(contents, "read_chunks", refuse)
    path = paths_of(out)["css/app.css"]
    findings = checked(out)
    assert ("file-unreadable", path) in findings
    assert ("variant-broken", f"{path}.gz") in findings
    assert ("fingerprint-mismatch", path) not in findings
