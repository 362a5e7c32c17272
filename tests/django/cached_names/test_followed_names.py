"""Which names a process uses, and when it reads the cache. Real caches are in tests/integration."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from hashserve.django.cached_names import background_refresh
from hashserve.django.cached_names.followed_names import FollowedNames
from hashserve.django.cached_names.name_cache import NameCache, Reading
from hashserve.django.name_table import NameTable
from hashserve.django.page_release import one_release
from hashserve.errors import ManifestError, PublishError
from tests.support.clock import Clock
from tests.support.hooked_cache import HOOKS, REFUSED, publish, raising, table
from tests.support.waiting import wait_until


@pytest.fixture
def clock() -> Clock:
    return Clock()


def reader(clock: Clock, **options: Any) -> FollowedNames:
    return FollowedNames("default", site="site", interval=5, clock=clock, **options)


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == "hashserve"]


# When it reads the cache


def test_the_cache_is_not_read_before_the_first_look_up(clock: Clock) -> None:
    HOOKS["get"] = raising(AssertionError("looked"))
    reader(clock)


def test_a_page_keeps_to_one_release_when_another_is_read_meanwhile(clock: Clock) -> None:
    publish("r1")
    names = reader(clock)
    with one_release():
        assert names.path_of("a") == "a.r1"
        publish("r2")
        names.refresh()
        assert (names.path_of("a"), names.integrity_of("a")) == ("a.r1", table("r1").integrity["a"])
        assert (names.release, list(names.logical_paths())) == ("r1", ["a"])
    assert (names.path_of("a"), names.integrity_of("a")) == ("a.r2", table("r2").integrity["a"])


def test_look_ups_use_the_known_names_while_the_cache_is_read(clock: Clock) -> None:
    publish("r1")
    names = reader(clock)
    names.refresh()
    publish("r2")
    is_looking, may_go_on = threading.Event(), threading.Event()

    def hang() -> None:
        is_looking.set()
        may_go_on.wait(30)

    HOOKS["get"] = hang
    clock.now += 5
    first = threading.Thread(target=names.path_of, args=("a",))
    first.start()
    is_looking.wait(30)
    assert names.path_of("a") == "a.r1"
    clock.now += 5
    assert names.path_of("a") == "a.r1", "one look at a time"
    may_go_on.set()
    first.join()
    wait_until(lambda: names.path_of("a") == "a.r2")


def test_only_the_first_look_up_waits_for_a_cache_that_hangs(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_refresh, "FIRST_PATIENCE", 0.01)
    publish("r1")
    names = reader(clock)
    may_go_on = threading.Event()

    def hang() -> None:
        may_go_on.wait(30)

    HOOKS["get"] = hang
    assert names.path_of("a") is None
    monkeypatch.setattr(background_refresh, "PATIENCE", 30.0)
    clock.now += 5
    assert names.path_of("a") is None
    may_go_on.set()
    wait_until(lambda: names.path_of("a") == "a.r1")


def test_names_are_unhashed_while_no_thread_can_start(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    publish("r1")
    names = reader(clock)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", lambda self: raising(RuntimeError("no thread"))())
        assert names.path_of("a") is None
    clock.now += 5
    wait_until(lambda: names.path_of("a") == "a.r1")


def test_a_read_that_began_before_a_publication_does_not_undo_it(clock: Clock) -> None:
    publish("r1")
    names = reader(clock)
    names.refresh()
    publish("r2")
    read = threading.Event()

    def publish_meanwhile() -> None:
        HOOKS.clear()
        names.publish("r3", {"a": "a.r3"}, {})
        read.set()

    cache_read = names._cache.read

    def read_and_dawdle(known: str | None) -> Reading:
        reading = cache_read(known)
        publish_meanwhile()
        return reading

    names._cache.read = read_and_dawdle  # type: ignore[method-assign]
    names.refresh()
    assert read.is_set()
    assert names.path_of("a") == "a.r3"


# What it knows


def test_a_name_that_the_release_lacks_comes_from_an_older_one_or_the_local_manifest(
    clock: Clock,
) -> None:
    names = reader(clock, fallback=lambda: table("local", "b", "c"))
    publish("r1", "b")
    names.refresh()
    publish("r2")
    names.refresh()
    assert [names.path_of(name) for name in "abcd"] == ["a.r2", "b.r1", "c.local", None]
    assert names.integrity_of("b") == ""


def test_the_local_manifest_is_read_again_only_while_the_cache_has_no_names(clock: Clock) -> None:
    asked = []

    def local() -> NameTable | None:
        asked.append(clock.now)
        return table("local") if len(asked) > 2 else None

    names = reader(clock, fallback=local)
    names.refresh()
    names.refresh()
    assert names.path_of("a") is None
    names.refresh()
    assert names.path_of("a") == "a.local"
    publish("r1")
    for _ in range(3):
        names.refresh()
        assert names.path_of("no such") is None
    assert len(asked) == 3


@pytest.mark.parametrize(
    "error", [PermissionError("denied"), ManifestError("staticfiles.json", "", "is bad")]
)
def test_a_local_manifest_that_cannot_be_read_is_logged_and_no_error_of_a_page(
    clock: Clock, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    names = reader(clock, fallback=raising(error))
    names.refresh()
    assert names.path_of("a") is None
    assert names.release == ""
    assert any(str(error) in line for line in logged(caplog))


def test_names_stay_known_when_the_pointer_in_the_cache_is_lost(clock: Clock) -> None:
    publish("r1")
    names = reader(clock)
    names.refresh()
    REFUSED.append(".current")
    with pytest.raises(PublishError):
        publish("r2")
    names.refresh()
    assert names.path_of("a") == "a.r1"


def test_local_names_do_not_replace_those_that_a_slow_cache_returned_at_last(clock: Clock) -> None:
    publish("r1")
    names = reader(clock, fallback=lambda: table("local"))
    names.refresh()
    names._use_local_names()
    assert names.path_of("a") == "a.r1"


# What it logs


def test_each_problem_is_logged_once_and_its_end_once(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    names = reader(clock)
    for _ in range(3):
        names.refresh()
    publish("r1")
    for _ in range(3):
        names.refresh()
    HOOKS["get"] = raising(OSError("gone"))
    for _ in range(3):
        names.refresh()
    HOOKS.clear()
    for _ in range(3):
        names.refresh()
    place = "cache 'default', site 'site'"
    names_of = "templates get the names of release r1"
    end = "the next attempt is in 5 seconds"
    missing = "no release is published, or the cache evicted it"
    lines = [line for line in logged(caplog) if line.startswith(place)]
    assert lines == [
        f"{place}: {missing}; templates get unhashed names; {end}",
        f"{place}: works again; {names_of}",
        f"{place}: OSError: gone; {names_of}, from the last successful read; {end}",
        f"{place}: works again; {names_of}",
    ]


def test_a_name_that_cannot_be_one_is_unhashed_and_logged_once(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    hostile = {"a": "a.r1", "b": "javascript:alert(1)", "c": ".env"}
    NameCache("default", "site").publish(NameTable(release="r1", names=hostile))
    names = reader(clock)
    for _ in range(3):
        assert [names.path_of(name) for name in "abc"] == ["a.r1", None, None]
        clock.now += 10
    (line,) = [line for line in logged(caplog) if "not used" in line]
    assert '2 names of release r1 are not used, such as "javascript:alert(1)" for "b", because' in line
    publish("r2", "b")
    clock.now += 10
    assert names.path_of("b") == "b.r2"
