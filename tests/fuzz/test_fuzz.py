"""The short run of every harness, with its seeds and inputs near them.

The long run is ``python -m tests.fuzz NAME SECONDS`` and needs atheris.
"""

from __future__ import annotations

import pytest

from tests.fuzz.corpus import near, read_seeds
from tests.fuzz.harnesses import HARNESSES

INPUTS = dict.fromkeys(HARNESSES, 3000) | {"importers": 500, "decisions": 400, "django": 400}
"""The number of inputs. Files, whole exchanges and Django take milliseconds for each."""


@pytest.mark.parametrize("name", HARNESSES)
def test_inputs_near_a_seed_break_no_rule(name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("CRITICAL")
    harness = HARNESSES[name]
    harness(b"")
    for data in near(read_seeds(name), INPUTS[name]):
        try:
            harness(data)
        except Exception as error:
            raise AssertionError(f"{name} breaks with {data!r}") from error


def test_seeds_are_unique_and_can_be_written_as_text(tmp_path: object) -> None:
    for name in HARNESSES:
        seeds = read_seeds(name)
        assert len(set(seeds)) == len(seeds) >= 3


def test_inputs_near_a_seed_are_the_same_on_every_run() -> None:
    seeds = read_seeds("wsgi")
    assert list(near(seeds, 300)) == list(near(seeds, 300))
    assert len(set(near(seeds, 300))) > 200
