"""Names as templates write them."""

from __future__ import annotations

import pytest

from hashserve.django.storage.template_names import TemplateName


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("css/app.css", "css/app.css", "new.css"),
        ("css/a%20b.css", "css/a b.css", "new.css"),
        ("css/app.css?v=1", "css/app.css", "new.css?v=1"),
        ("css/app.css#x", "css/app.css", "new.css#x"),
        ("css/app.css?v=1#x", "css/app.css", "new.css?v=1#x"),
        ("font.eot?#iefix", "font.eot", "new.css?#iefix"),
        (" css/app.css ", "css/app.css", "new.css"),
    ],
)
def test_a_path_is_replaced_and_query_and_fragment_stay(text: str, path: str, expected: str) -> None:
    name = TemplateName.parse(text)
    assert (name.path, name.with_path("new.css")) == (path, expected)
