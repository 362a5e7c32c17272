from __future__ import annotations

from hashserve.http.outcomes import Outcome


class Sunny(Outcome):
    __slots__ = ()


class Rainy(Outcome):
    __slots__ = ()


def test_outcomes_of_one_type_are_equal_and_of_two_are_not() -> None:
    assert Sunny() == Sunny()
    assert Sunny() != Rainy()
    assert {Sunny(), Sunny(), Rainy()} == {Sunny(), Rainy()}
    assert len({Sunny(), Rainy()}) == 2


def test_an_outcome_equals_nothing_else() -> None:
    others: list[object] = [Outcome(), None, (), "Sunny()"]
    assert Sunny() not in others


def test_an_outcome_counts_as_something() -> None:
    assert bool(Sunny())


def test_an_outcome_says_which_it_is() -> None:
    assert repr(Sunny()) == "Sunny()"
