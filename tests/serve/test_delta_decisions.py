"""Random requests with dictionaries, and an oracle of the allowed responses (`tests.fuzz.delta_site`)."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hashserve.serve import negotiation
from tests.fuzz.delta_site import DeltaSite, Question, served_by_django

REQUESTS = 20_000 if os.environ.get("HASHSERVE_SOAK") else 1_500
"""The number of requests to each gateway; Django gets a tenth, over ASGI a fiftieth."""

SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"public_deltas": True},
    {"body_budget": 0},
    {"allow_all_origins": False, "counters": True},
    {"memo_size": 3},
    {"check_interval": 0},
)

FIELDS = (
    *(b":{%d}:" % number for number in range(9)),
    b"",
    b":{0}:;a=1",
    b"  :{3}:  ",
    b":{0}:, :{3}:",
    b"(:{0}: :{3}:)",
    b"{0}",
    b'"{0}"',
    b":{0}",
    b":" + b"A" * 43 + b"=:",
    b":{3}:" + b" " * 100_000,
    b"\xe9:{3}:",
    b"?1",
)


LIKE_A_BROWSER = (0, 2, 1, 0)
"""The indices of GET, of a browser's codings and fetch metadata, and of no precondition."""


def random_questions(chance: random.Random, count: int) -> Iterator[Question]:
    """Draw requests that differ from a browser's in some points."""
    for _ in range(count):
        drawn = [usual if chance.random() < 0.6 else chance.randrange(256) for usual in LIKE_A_BROWSER]
        own = b":{own %d}:" % chance.randrange(2)
        value = own if chance.random() < 0.5 else chance.choice(FIELDS)
        yield Question.of(bytes([chance.randrange(9), *drawn]) + value)


GATEWAYS: dict[str, tuple[Callable[..., DeltaSite], int]] = {
    "wsgi": (DeltaSite, 1),
    "django, wsgi": (partial(DeltaSite, make=served_by_django("wsgi")), 10),
    "django, asgi": (partial(DeltaSite, make=served_by_django("asgi")), 50),
}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("gateway", GATEWAYS)
def test_a_client_can_decode_every_response_with_the_dictionary_that_it_names(
    gateway: str, tmp_path: Path
) -> None:
    make, share = GATEWAYS[gateway]
    counts: Counter[str] = Counter()
    chance = random.Random(9842)
    for number, settings in enumerate(SETTINGS):
        site = make(str(tmp_path / str(number)), settings=settings)
        counts.update(map(site.check, random_questions(chance, REQUESTS // share // len(SETTINGS))))
    print(f"decisions: {gateway}: {sum(counts.values())} requests, {dict(counts)}, 0 wrong")
    if gateway == "wsgi":
        assert {
            "dcz 200",
            "br 200",
            "br 206",
            "identity 304",
            "identity 412",
            "identity 416",
        } <= counts.keys()


MISTAKES: dict[str, Callable[..., Any]] = {
    "_is_best": lambda delta, asset, accept_encoding: True,
    "dictionary_of": lambda request: "",
    "allowed_origin": lambda fields: "*",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_the_oracle_notices_a_wrong_decision(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(negotiation, name, MISTAKES[name])
    site = DeltaSite(str(tmp_path), settings={"check_interval": 0, "allow_all_origins": False})
    with pytest.raises(AssertionError):
        list(map(site.check, random_questions(random.Random(9842), 2_000)))
