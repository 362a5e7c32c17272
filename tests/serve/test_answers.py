"""Answers: their kinds, and what HEAD gets of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import get_args

import pytest

from hashserve.http.messages import Response
from hashserve.serve.answers import KINDS, Answer, Kind


def test_the_order_of_kinds_has_each_kind_once() -> None:
    assert sorted(KINDS) == sorted(get_args(Kind))


def test_an_answer_without_its_body_keeps_status_fields_and_kind() -> None:
    response = Response(200, [("Content-Length", "2")], (b"ok",))
    answer = Answer(response, kind="unhashed").without_body()
    assert answer == Answer(Response(200, [("Content-Length", "2")], ()), kind="unhashed")


def test_without_its_body_an_answer_has_no_descriptor_and_the_file_is_closed(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    descriptor = os.open(file, os.O_RDONLY)
    assert Answer(Response(200, []), descriptor).without_body().descriptor is None
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
