"""What a process knows and when it looks, over a cache in its memory; the others are in integration/."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.test.utils import override_settings

from hashserve.django import release_names
from hashserve.django.name_tables import Namespace, NameTable, Unusable
from hashserve.django.one_release import one_release
from hashserve.django.release_cache import FoundTable, Reading, ReleaseCache, Unchanged, Unreachable
from hashserve.django.release_names import ReleaseNames
from hashserve.errors import ManifestError, PublishError
from tests.support.django_settings import configure
from tests.support.waiting import wait_until

configure()

HOOKS: dict[str, Callable[[], None]] = {}
"""What is done before a method of the cache below, by its name."""

REFUSED: list[str] = []
"""Parts of keys that the cache below does not keep; ``set_many`` says so, and ``set`` does not."""


class HookedCache(LocMemCache):
    """Django's local-memory cache, in the middle of whose work a test can do something."""

    def get(self, *args: Any, **options: Any) -> Any:
        HOOKS.get("get", int)()
        return super().get(*args, **options)

    def set(self, *args: Any, **options: Any) -> Any:
        HOOKS.get("set", int)()
        if any(part in args[0] for part in REFUSED):
            return self.delete(args[0])
        return super().set(*args, **options)

    def set_many(self, data: Mapping[str, object], *args: Any, **options: Any) -> list[str]:
        super().set_many(data, *args, **options)
        return [key for key in data if any(part in key for part in REFUSED)]

    def touch(self, *args: Any, **options: Any) -> Any:
        HOOKS.get("touch", int)()
        return super().touch(*args, **options)


@pytest.fixture(autouse=True)
def cache() -> Iterator[None]:
    setting = {"BACKEND": f"{__name__}.HookedCache", "LOCATION": "release-names"}
    with override_settings(CACHES={"default": setting}):
        caches["default"].clear()
        yield
        HOOKS.clear()
        REFUSED.clear()


class Clock:
    """A clock that stands still until a test moves it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def table(release: str, *more: str) -> NameTable:
    names = {name: f"{name}.{release}" for name in ("a", *more)}
    return NameTable(release=release, names=names, integrity={"a": f"sha256-{release}"})


def publish(release: str, *more: str) -> None:
    """Publish as another process does, unseen by readers here."""
    ReleaseCache("default", "site").publish(table(release, *more))


def reader(clock: Clock, **options: Any) -> ReleaseNames:
    return ReleaseNames("default", site="site", interval=5, clock=clock, **options)


def raising(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == "hashserve"]


# When it looks


def test_nothing_is_looked_at_before_a_name_is_asked_for(clock: Clock) -> None:
    HOOKS["get"] = raising(AssertionError("looked"))
    reader(clock)


def test_a_page_keeps_to_one_release_though_another_is_seen_meanwhile(clock: Clock) -> None:
    publish("r1")
    names = reader(clock)
    with one_release():
        assert names.path_of("a") == "a.r1"
        publish("r2")
        names.look()
        assert (names.path_of("a"), names.integrity_of("a")) == ("a.r1", "sha256-r1")
        assert (names.release, list(names.logical_paths())) == ("r1", ["a"])
    assert (names.path_of("a"), names.integrity_of("a")) == ("a.r2", "sha256-r2")


def test_others_go_on_with_what_they_have_while_one_looks(clock: Clock) -> None:
    publish("r1")
    names = reader(clock)
    names.look()
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


def test_a_cache_that_hangs_is_waited_for_once_and_then_no_more(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release_names, "FIRST_PATIENCE", 0.01)
    publish("r1")
    names = reader(clock)
    may_go_on = threading.Event()

    def hang() -> None:
        may_go_on.wait(30)

    HOOKS["get"] = hang
    assert names.path_of("a") is None
    monkeypatch.setattr(release_names, "PATIENCE", 30.0)
    clock.now += 5
    assert names.path_of("a") is None
    may_go_on.set()
    wait_until(lambda: names.path_of("a") == "a.r1")


def test_where_there_is_no_thread_to_be_had_names_are_unhashed(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish("r1")
    names = reader(clock)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", lambda self: raising(RuntimeError("no thread"))())
        assert names.path_of("a") is None
    clock.now += 5
    wait_until(lambda: names.path_of("a") == "a.r1")


def test_what_is_published_here_is_not_taken_back_by_a_look_that_began_before(clock: Clock) -> None:
    publish("r1")
    names = reader(clock)
    names.look()
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
    names.look()
    assert read.is_set()
    assert names.path_of("a") == "a.r3"


# What it knows


def test_a_name_that_the_release_lacks_comes_from_the_one_before_or_the_local_manifest(clock: Clock) -> None:
    names = reader(clock, fallback=lambda: table("local", "b", "c"))
    publish("r1", "b")
    names.look()
    publish("r2")
    names.look()
    assert [names.path_of(name) for name in "abcd"] == ["a.r2", "b.r1", "c.local", None]
    assert names.integrity_of("b") == ""


def test_the_local_manifest_is_asked_for_again_only_while_there_is_no_other(clock: Clock) -> None:
    asked = []

    def local() -> NameTable | None:
        asked.append(clock.now)
        return table("local") if len(asked) > 2 else None

    names = reader(clock, fallback=local)
    names.look()
    names.look()
    assert names.path_of("a") is None
    names.look()
    assert names.path_of("a") == "a.local"
    publish("r1")
    for _ in range(3):
        names.look()
        assert names.path_of("no such") is None
    assert len(asked) == 3


@pytest.mark.parametrize(
    "error", [PermissionError("denied"), ManifestError("staticfiles.json", "", "is bad")]
)
def test_a_local_manifest_that_cannot_be_read_is_logged_and_no_error_of_a_page(
    clock: Clock, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    names = reader(clock, fallback=raising(error))
    names.look()
    assert names.path_of("a") is None
    assert names.release == ""
    assert any(str(error) in line for line in told(caplog))


# What it tells


def test_each_trouble_is_told_once_and_its_end_once(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    names = reader(clock)
    for _ in range(3):
        names.look()
    publish("r1")
    for _ in range(3):
        names.look()
    HOOKS["get"] = raising(OSError("gone"))
    for _ in range(3):
        names.look()
    HOOKS.clear()
    for _ in range(3):
        names.look()
    place = "cache 'default', site 'site'"
    end = "looking again every 5 seconds"
    missing = "no release is published there, or it was evicted"
    lines = [line for line in told(caplog) if line.startswith(place)]
    assert lines == [
        f"{place}: {missing}; going on with unhashed names, {end}",
        f"{place}: well again, names are of release r1",
        f"{place}: OSError: gone; going on with the names of release r1 from what was read before, {end}",
        f"{place}: well again, names are of release r1",
    ]


# Reading


def test_reading_tells_what_it_found() -> None:
    cache = ReleaseCache("default", "site")
    assert isinstance(cache.read(None), Unusable)
    publish("r1")
    found = cache.read(None)
    assert isinstance(found, FoundTable)
    assert found.table == table("r1")
    assert cache.read(found.id) == Unchanged()
    HOOKS["get"] = raising(KeyError())
    assert cache.read(None) == Unreachable(problem="KeyError")


def test_a_pointer_that_is_switched_while_its_table_is_read_is_followed() -> None:
    publish("r1")
    namespace = Namespace("site")
    old = namespace.read_pointer(caches["default"].get(namespace.pointer_key))
    publish("r2")
    assert not isinstance(old, Unusable)
    caches["default"].delete_many(namespace.chunk_keys(old))
    cache = ReleaseCache("default", "site")
    given = [old]
    find = cache._pointer
    cache._pointer = lambda: given.pop() if given else find()  # type: ignore[method-assign]
    found = cache.read(None)
    assert isinstance(found, FoundTable)
    assert found.table == table("r2")


# Publishing


def test_what_was_replaced_and_is_in_force_again_does_not_expire() -> None:
    publish("r1")
    touched = []

    def go_back() -> None:
        touched.append(1)
        if len(touched) == 1:
            publish("r1")

    HOOKS["touch"] = go_back
    publish("r2")
    found = ReleaseCache("default", "site").read(None)
    assert isinstance(found, FoundTable)
    assert found.table == table("r1")
    cache = caches["default"]
    chunk = Namespace("site").write(found.table).chunks
    assert [cache._expire_info[cache.make_key(key)] for key in chunk] == [None]


def test_a_publication_that_cannot_be_tidied_up_after_is_one_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    publish("r1")
    HOOKS["touch"] = raising(NotImplementedError("no touch"))
    publish("r2")
    found = ReleaseCache("default", "site").read(None)
    assert isinstance(found, FoundTable)
    assert found.table == table("r2")
    assert any("NotImplementedError: no touch" in line for line in told(caplog))


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
        PublishError, match=r"cannot be written \(OSError: no room\); the release before stays"
    ):
        publish("r2")
    HOOKS.clear()
    found = ReleaseCache("default", "site").read(None)
    assert isinstance(found, FoundTable)
    assert found.table == table("r1")


def test_a_chunk_that_is_refused_leaves_the_release_before_in_force_and_nothing_behind() -> None:
    publish("r1")
    keys = Namespace("site").write(table("r2")).chunks
    REFUSED.extend(keys)
    with pytest.raises(PublishError, match="refused 1 of 1 chunks of names; the release before stays"):
        publish("r2")
    assert caches["default"].get_many(keys) == {}
    found = ReleaseCache("default", "site").read(None)
    assert isinstance(found, FoundTable)
    assert found.table == table("r1")


def test_a_pointer_that_is_not_kept_is_an_error_and_what_is_known_stays_known(clock: Clock) -> None:
    publish("r1")
    names = reader(clock)
    names.look()
    REFUSED.append(".current")
    with pytest.raises(PublishError, match="does not keep which release is in force"):
        publish("r2")
    names.look()
    assert names.path_of("a") == "a.r1"


def test_of_two_publications_at_once_the_last_is_in_force_and_the_log_tells(
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
    found = ReleaseCache("default", "site").read(None)
    assert isinstance(found, FoundTable)
    assert found.table == table("r3")
    assert any(
        "release r3 was published at the same time as r2, and is in force" in line for line in told(caplog)
    )


def test_a_cache_in_the_memory_of_one_process_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    publish("r1")
    assert any("no other will see the release" in line for line in told(caplog))


def test_an_alias_that_is_no_cache_is_an_error_that_names_it() -> None:
    with pytest.raises(PublishError, match=r"CACHES\['nope'\] \(not there\): cannot be used"):
        ReleaseCache("nope", "site").publish(table("r1"))
