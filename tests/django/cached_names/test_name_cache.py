"""Reading and publishing tables, over a cache in memory. Real caches are in tests/integration."""

from __future__ import annotations

import pytest
from django.core.cache import caches

from hashserve.django.cached_names.encoding import Namespace, Unusable
from hashserve.django.cached_names.name_cache import FoundTable, NameCache, Unchanged, Unreachable
from hashserve.errors import PublishError
from tests.support.hooked_cache import HOOKS, LOST, REFUSED, publish, raising, table


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == "hashserve"]


# Reading


def test_reading_returns_a_new_table_or_says_why_there_is_none() -> None:
    cache = NameCache("default", "site")
    assert isinstance(cache.read(None), Unusable)
    publish("r1")
    found = cache.read(None)
    assert isinstance(found, FoundTable)
    assert found.table == table("r1")
    assert cache.read(found.digest) == Unchanged()
    HOOKS["get"] = raising(KeyError())
    assert cache.read(None) == Unreachable(problem="KeyError")


def test_a_pointer_that_is_switched_while_its_table_is_read_is_followed() -> None:
    publish("r1")
    namespace = Namespace("site")
    old = namespace.decode_pointer(caches["default"].get(namespace.pointer_key))
    publish("r2")
    assert not isinstance(old, Unusable)
    caches["default"].delete_many(namespace.chunk_keys(old))
    cache = NameCache("default", "site")
    given = [old]
    find = cache._pointer
    cache._pointer = lambda: given.pop() if given else find()  # type: ignore[method-assign]
    found = cache.read(None)
    assert isinstance(found, FoundTable)
    assert found.table == table("r2")


def test_a_table_that_lost_a_chunk_is_unusable() -> None:
    publish("r1")
    caches["default"].delete_many(Namespace("site").encode_table(table("r1")).chunks)
    reading = NameCache("default", "site").read(None)
    assert isinstance(reading, Unusable)
    assert (reading.problem, reading.release) == ("names of release r1: chunk 1 of 1 is missing", "r1")


# Publishing


def test_a_table_that_is_in_force_is_not_written_again() -> None:
    publish("r1")
    HOOKS["set"] = raising(AssertionError("written"))
    publish("r1")


def test_a_table_that_lost_a_chunk_is_written_again() -> None:
    publish("r1")
    caches["default"].delete_many(Namespace("site").encode_table(table("r1")).chunks)
    publish("r1")
    found = NameCache("default", "site").read(None)
    assert isinstance(found, FoundTable)
    assert found.table == table("r1")


def test_a_chunk_that_is_lost_at_once_is_an_error() -> None:
    LOST.append(".1")
    with pytest.raises(PublishError, match=r"does not return what .*chunk 1 of 1 is missing\)"):
        publish("r1")


def test_a_replaced_table_that_is_in_force_again_does_not_expire() -> None:
    publish("r1")
    touched = []

    def go_back() -> None:
        touched.append(1)
        if len(touched) == 1:
            publish("r1")

    HOOKS["touch"] = go_back
    publish("r2")
    found = NameCache("default", "site").read(None)
    assert isinstance(found, FoundTable)
    assert found.table == table("r1")
    cache = caches["default"]
    chunk = Namespace("site").encode_table(found.table).chunks
    assert [cache._expire_info[cache.make_key(key)] for key in chunk] == [None]


def test_a_failure_to_clean_up_does_not_undo_a_publication(
    caplog: pytest.LogCaptureFixture,
) -> None:
    publish("r1")
    HOOKS["touch"] = raising(NotImplementedError("no touch"))
    publish("r2")
    found = NameCache("default", "site").read(None)
    assert isinstance(found, FoundTable)
    assert found.table == table("r2")
    assert any("NotImplementedError: no touch" in line for line in logged(caplog))


def test_a_pointer_that_cannot_be_written_leaves_the_release_before_in_force() -> None:
    publish("r1")
    sets = []

    def fail_at_the_pointer() -> None:
        sets.append(1)
        if len(sets) == 2:
            caches["default"].delete(Namespace("site").pointer_key)
            raise OSError("no room")

    HOOKS["set"] = fail_at_the_pointer
    with pytest.raises(
        PublishError, match=r"cannot be written \(OSError: no room\); the previous release stays"
    ):
        publish("r2")
    HOOKS.clear()
    found = NameCache("default", "site").read(None)
    assert isinstance(found, FoundTable)
    assert found.table == table("r1")


def test_a_chunk_that_is_refused_leaves_the_release_before_in_force_and_nothing_behind() -> None:
    publish("r1")
    keys = Namespace("site").encode_table(table("r2")).chunks
    REFUSED.extend(keys)
    with pytest.raises(PublishError, match="refused 1 of 1 chunks of names; the previous release stays"):
        publish("r2")
    assert caches["default"].get_many(keys) == {}
    found = NameCache("default", "site").read(None)
    assert isinstance(found, FoundTable)
    assert found.table == table("r1")


def test_a_pointer_that_is_not_kept_is_an_error() -> None:
    publish("r1")
    REFUSED.append(".current")
    with pytest.raises(PublishError, match="does not keep the entry that names the release in force"):
        publish("r2")


def test_the_last_of_two_publications_at_once_is_in_force_and_both_are_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    publish("r1")
    gets = []

    def publish_another() -> None:
        gets.append(1)
        if len(gets) == 3:  # when the pointer is read back
            HOOKS.clear()
            publish("r3")

    HOOKS["get"] = publish_another
    publish("r2")
    found = NameCache("default", "site").read(None)
    assert isinstance(found, FoundTable)
    assert found.table == table("r3")
    assert any(
        "release r3 was published at the same time as r2, and is in force" in line for line in logged(caplog)
    )


def test_a_cache_in_the_memory_of_one_process_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    publish("r1")
    assert any("no other process sees the release" in line for line in logged(caplog))


def test_an_alias_that_is_no_cache_is_an_error_that_names_it() -> None:
    with pytest.raises(PublishError, match=r"CACHES\['nope'\] \(not defined\): cannot be used"):
        NameCache("nope", "site").publish(table("r1"))
