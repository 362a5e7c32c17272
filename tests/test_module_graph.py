"""What the modules of a page reach."""

from __future__ import annotations

from hashserve.module_graph import reached_modules

MODULES = {"a.js": ("b.js", "lit"), "b.js": ("a.js",), "c.js": ("a.js",), "vendor/lit.js": ("x.js",)}


def test_a_module_reaches_what_it_imports_in_circles_too() -> None:
    assert reached_modules(MODULES, ["b.js"], {}) == {"a.js", "b.js", "lit"}


def test_a_bare_specifier_leads_to_its_module() -> None:
    assert reached_modules(MODULES, ["lit"], {"lit": "vendor/lit.js"}) == {"vendor/lit.js", "x.js"}


def test_an_entry_that_is_no_module_reaches_itself() -> None:
    assert reached_modules({}, ["classic.js"], {}) == {"classic.js"}
