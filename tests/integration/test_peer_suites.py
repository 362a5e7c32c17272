"""WhiteNoise's and ServeStatic's own tests pass with hashserve's classes, except for listed differences."""

from __future__ import annotations

import pytest
from django import VERSION

from tests.support.parts import missing
from tests.support.peer_suites import PeerSuite, run_peer_suite
from tests.support.sdists import SdistUnavailableError

pytestmark = pytest.mark.real

SUITES = {
    "WhiteNoise": PeerSuite(
        package="whitenoise",
        version="6.12.0",
        modules=("test_whitenoise.py", "test_django_whitenoise.py", "test_storage.py"),
    ),
    # The last release whose source distribution has tests.
    "ServeStatic": PeerSuite(
        package="servestatic",
        version="2.0.1",
        modules=("test_servestatic.py", "test_django_servestatic.py", "test_storage.py"),
    ),
}

ORDER = "it expects the directives of Cache-Control in another order"
TEN_YEARS = f"{ORDER}, and ten years; one year is the usual longest"

# ServeStatic has two forms of its tests under ASGI: before Django 5, and since.
BROTLI_UNDER_ASGI = "test_asgi_versioned_file_cached_forever_brotli" + ("_2" if VERSION >= (5, 0) else "")

BOTH = {
    "test_get_file": "it expects a quoted charset; the forms are equal (RFC 9110, 8.3.1)",
    "test_get_accept_star": "it expects no coding for `*`, which matches every coding (RFC 9110, 12.5.3)",
    "test_warn_about_missing_directories": "it expects a Python warning; hashserve logs one",
    "test_versioned_file_cached_forever": TEN_YEARS,
    "test_unversioned_file_not_cached_forever": ORDER,
    "test_make_helpful_exception": "it tests a method for exceptions; a missing reference raises none here",
}
"""Tests of both peers that fail, with the reason."""

EXPECTED_FAILURES = {
    "WhiteNoise": {
        **BOTH,
        "test_path_is_child_of": "it tests a helper of WhiteNoise that compares paths",
    },
    "ServeStatic": {
        **BOTH,
        BROTLI_UNDER_ASGI: TEN_YEARS,
        "test_error_message": "it expects ServeStatic's page for a 404 with DEBUG; here it is Django's",
    },
}
"""Tests that fail, with the reason. One that passes must be removed from here."""


@pytest.mark.parametrize("peer", SUITES)
def test_a_peers_own_tests_pass_except_for_the_differences_that_are_listed(peer: str) -> None:
    try:
        outcome = run_peer_suite(SUITES[peer])
    except SdistUnavailableError as error:
        missing(str(error))
    expected = EXPECTED_FAILURES[peer]
    print(f"\npeer suite: {peer} {SUITES[peer].version}: {outcome.passed} passed; {dict(outcome.failed)}")
    assert outcome.passed > 90, outcome.output
    assert outcome.failed.keys() == expected.keys(), outcome.output
