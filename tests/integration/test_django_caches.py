"""The names of releases in real caches: after any damage, a URL is correct or unhashed."""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any
from weakref import WeakSet

import pytest
from django.core.cache import caches
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.filebased import FileBasedCache
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.memcached import PyLibMCCache, PyMemcacheCache
from django.core.cache.backends.redis import RedisCache
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.test.utils import override_settings

from hashserve.digests import digest_text
from hashserve.digests import integrity_of as integrity
from hashserve.django.cached_names import background_refresh
from hashserve.django.cached_names.background_refresh import RunningRefresh
from hashserve.django.cached_names.encoding import Namespace, Pointer
from hashserve.django.cached_names.followed_names import FollowedNames
from hashserve.django.name_table import NameTable
from hashserve.errors import PublishError
from tests.support.django_settings import configure
from tests.support.parts import missing
from tests.support.services import Memcached, Redis, Service, black_hole, running
from tests.support.waiting import wait_until

configure()

pytestmark = pytest.mark.real

SITE = "example"
TABLE = "hashserve_test_cache"
ROUND_TRIPS: Counter[str] = Counter()
"""The number of calls of each method of a counted cache, until a test clears it."""


class CountedCalls:
    """Counts the calls of a cache's methods; each is a round trip to a cache on the network.

    A method that calls another method of the backend counts once.
    """

    is_within = False

    def _counted(self, method: Callable[..., Any], *args: Any, **options: Any) -> Any:
        if self.is_within:
            return method(*args, **options)
        ROUND_TRIPS[method.__name__] += 1
        self.is_within = True
        try:
            return method(*args, **options)
        finally:
            self.is_within = False

    def get(self, *args: Any, **options: Any) -> Any:
        return self._counted(super().get, *args, **options)  # type: ignore[misc]  # of the backend, the other base class

    def set(self, *args: Any, **options: Any) -> Any:
        return self._counted(super().set, *args, **options)  # type: ignore[misc]

    def get_many(self, *args: Any, **options: Any) -> Any:
        return self._counted(super().get_many, *args, **options)  # type: ignore[misc]

    def set_many(self, *args: Any, **options: Any) -> Any:
        return self._counted(super().set_many, *args, **options)  # type: ignore[misc]

    def touch(self, *args: Any, **options: Any) -> Any:
        return self._counted(super().touch, *args, **options)  # type: ignore[misc]

    def delete_many(self, *args: Any, **options: Any) -> Any:
        return self._counted(super().delete_many, *args, **options)  # type: ignore[misc]


class CountedLocMem(CountedCalls, LocMemCache):
    """Django's local-memory cache, counted."""


class CountedFiles(CountedCalls, FileBasedCache):
    """Django's file cache, counted."""


class CountedDatabase(CountedCalls, DatabaseCache):
    """Django's database cache, counted."""


class CountedRedis(CountedCalls, RedisCache):
    """Django's Redis cache, counted."""


class CountedPyMemcache(CountedCalls, PyMemcacheCache):
    """Django's Memcached cache over pymemcache, counted."""


class CountedPyLibMC(CountedCalls, PyLibMCCache):
    """Django's Memcached cache over pylibmc, counted."""


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_interval(self) -> None:
        self.now += 5.0


# The caches

CACHE_SERVERS = {"redis": CountedRedis, "pymemcache": CountedPyMemcache, "pylibmc": CountedPyLibMC}
BACKENDS = {
    "locmem": CountedLocMem,
    "files": CountedFiles,
    "database": CountedDatabase,
    **CACHE_SERVERS,
}


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with running(Redis()) as server:
        yield server


@pytest.fixture(scope="module")
def memcached() -> Iterator[Memcached]:
    with running(Memcached("-m", "64")) as server:
        yield server


def server_setting(name: str, address: str, **more: Any) -> dict[str, Any]:
    """Return Django's setting for a cache server."""
    if name == "pylibmc":
        require_pylibmc()
    location = f"redis://{address}" if name == "redis" else address
    backend = CACHE_SERVERS[name]
    return {"BACKEND": f"{__name__}.{backend.__name__}", "LOCATION": location, **more}


def require_pylibmc() -> None:
    """Skip the test if pylibmc is missing; it has no compiled version for some Pythons."""
    if find_spec("pylibmc") is not None:
        return
    if platform.system() == "Linux" and platform.machine() == "x86_64" and sys.version_info < (3, 12):
        missing("pylibmc is not installed")
    pytest.skip("there is no compiled pylibmc for this Python")


def server_for(name: str, *options: str) -> Service:
    """Return a server that is not started, for a test that stops it."""
    return Redis(*options) if name == "redis" else Memcached(*options)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Django's setting for each kind of cache in turn; the cache is empty and the default."""
    name: str = request.param
    if name in CACHE_SERVERS:
        server: Service = request.getfixturevalue("redis" if name == "redis" else "memcached")
        setting = server_setting(name, server.address)
    else:
        location = {"locmem": tmp_path.name, "files": str(tmp_path / "cache"), "database": TABLE}[name]
        setting = {"BACKEND": f"{__name__}.{BACKENDS[name].__name__}", "LOCATION": location}
    with default_cache(setting):
        if name == "database":
            call_command("createcachetable", verbosity=0)
        caches["default"].clear()
        yield setting
        if name == "database":
            with connection.cursor() as cursor:
                cursor.execute(f"DROP TABLE {TABLE}")
            connections.close_all()


class default_cache(override_settings):  # noqa: N801  # a context manager
    """Make a cache Django's default inside the context; at the end, close its connections."""

    def __init__(self, setting: Mapping[str, Any]) -> None:
        super().__init__(CACHES={"default": dict(setting)})

    def disable(self) -> None:
        for cache in caches.all(initialized_only=True):
            cache.close()
            disconnect = getattr(getattr(cache, "_cache", None), "disconnect_all", None)
            if disconnect is not None:
                disconnect()
        super().disable()


# Releases


def names_of(release: str, count: int = 20) -> dict[str, str]:
    """Return the names of a release, with fingerprints that no other release has."""
    names = (f"css/style{number}" for number in range(count))
    return {f"{name}.css": f"{name}.{_digest(release, name).hex()[:12]}.css" for name in names}


def integrity_of(release: str, count: int = 20) -> dict[str, str]:
    """Return the integrity of each name of a release."""
    return {name: integrity(digest_text(_digest(release, name))) for name in names_of(release, count)}


def _digest(release: str, name: str) -> bytes:
    return sha256(f"{release} {name}".encode()).digest()


NAME = "css/style7.css"


def publish(release: str, count: int = 20, site: str = SITE) -> None:
    """Publish from another process, as a deploy does."""
    FollowedNames("default", site=site).publish(
        release, names_of(release, count), integrity_of(release, count)
    )


def as_another_process(action: Callable[[], None], *, is_noticed: bool = True) -> None:
    """Act on new connections, as another process does. Readers here notice it only if ``is_noticed``."""
    readers = FollowedNames._instances
    if not is_noticed:
        FollowedNames._instances = WeakSet()

    def act_and_close() -> None:
        try:
            action()
        finally:
            caches.close_all()
            connections.close_all()

    try:
        with ThreadPoolExecutor(1) as executor:
            executor.submit(Context().run, act_and_close).result()
    finally:
        FollowedNames._instances = readers


def reader(clock: Clock | None = None, **options: Any) -> FollowedNames:
    """Return the followed names of a web process that has just started."""
    return FollowedNames("default", site=SITE, interval=5.0, clock=clock or Clock(), **options)


def path_in(release: str) -> str:
    return names_of(release)[NAME]


def eventually(names: FollowedNames, path: str | None) -> None:
    """Wait until a name has this path, because a refresh can take longer than a lookup waits."""
    wait_until(lambda: names.path_of(NAME) == path)


def wait_for_release(names: FollowedNames, release: str) -> None:
    """Wait until the names are those of a release."""
    wait_until(lambda: names.release == release)


def pointer() -> Pointer:
    namespace = Namespace(SITE)
    found = namespace.decode_pointer(caches["default"].get(namespace.pointer_key))
    assert isinstance(found, Pointer)
    return found


def chunk_keys() -> list[str]:
    return Namespace(SITE).chunk_keys(pointer())


every_backend = pytest.mark.usefixtures("backend")


# Publishing and reading


@every_backend
def test_another_process_reads_the_published_names() -> None:
    publish("r1", 10_000)
    names = reader()
    eventually(names, path_in("r1"))
    assert {name: names.path_of(name) for name in names_of("r1", 10_000)} == names_of("r1", 10_000)
    assert names.integrity_of(NAME) == integrity_of("r1")[NAME]
    assert names.release == "r1"
    assert set(names.logical_paths()) == set(names_of("r1", 10_000))
    assert names.path_of("no/such.css") is None


@every_backend
def test_names_with_any_characters_are_read_back() -> None:
    odd = {"a b/ü — 日本.css": "a b/ü — 日本.123456789abc.css", "tab\t'\"<&>.js": "tab\t'\"<&>.1.js"}
    FollowedNames("default", site=SITE).publish("é r/1", odd, {})
    names = reader()
    wait_until(lambda: names.release == "é r/1")
    assert {name: names.path_of(name) for name in odd} == odd


@every_backend
def test_a_release_without_names_can_be_published() -> None:
    publish("r1", 0)
    names = reader()
    wait_until(lambda: names.release == "r1")
    assert names.path_of(NAME) is None


@every_backend
def test_a_new_release_is_seen_when_a_refresh_is_due_and_not_before() -> None:
    publish("r1")
    clock = Clock()
    names = reader(clock)
    eventually(names, path_in("r1"))
    as_another_process(lambda: publish("r2"), is_noticed=False)
    assert names.path_of(NAME) == path_in("r1")
    clock.pass_interval()
    eventually(names, path_in("r2"))
    assert names.integrity_of(NAME) == integrity_of("r2")[NAME]


@every_backend
def test_readers_in_the_publishing_process_see_a_release_at_once() -> None:
    names, other = reader(), reader()
    eventually(other, None)
    names.publish("r1", names_of("r1"), {})
    assert names.path_of(NAME) == path_in("r1")
    eventually(other, path_in("r1"))


@every_backend
def test_an_earlier_release_can_be_published_again() -> None:
    clock = Clock()
    names = reader(clock)
    for release in ("r1", "r2", "r1", "r3", "r1"):
        publish(release)
        eventually(names, path_in(release))
        clock.pass_interval()
    eventually(reader(), path_in("r1"))


@every_backend
def test_two_sites_can_share_a_cache() -> None:
    publish("r1", site="one")
    publish("r2", site="two")
    one, two = (FollowedNames("default", site=site) for site in ("one", "two"))
    eventually(one, path_in("r1"))
    eventually(two, path_in("r2"))
    publish("r3", site="two")
    one.refresh()
    two.refresh()
    assert (one.path_of(NAME), two.path_of(NAME)) == (path_in("r1"), path_in("r3"))


def test_the_cache_can_have_a_key_prefix_and_a_version(backend: dict[str, Any]) -> None:
    setting = {**backend, "KEY_PREFIX": "p" * 150, "VERSION": 12_345}
    with default_cache(setting):
        publish("r1", 10_000)
        eventually(reader(), path_in("r1"))


@every_backend
def test_a_process_that_has_read_the_old_pointer_still_finds_the_old_table() -> None:
    publish("r1")
    old = pointer()
    publish("r2")
    namespace = Namespace(SITE)
    values = caches["default"].get_many(namespace.chunk_keys(old))
    table = namespace.decode_table(old, values)
    assert isinstance(table, NameTable)
    assert table.names == names_of("r1")


@every_backend
def test_code_of_the_old_release_finds_names_that_the_new_release_lacks() -> None:
    clock = Clock()
    names = reader(clock)
    publish("r1", 20)
    eventually(names, path_in("r1"))
    publish("r2", 8)
    clock.pass_interval()
    eventually(names, path_in("r2"))
    assert names.path_of("css/style19.css") == names_of("r1")["css/style19.css"]
    assert names.integrity_of("css/style19.css") == integrity_of("r1")["css/style19.css"]
    assert reader().path_of("css/style19.css") is None


# Round trips


@pytest.mark.parametrize("backend", CACHE_SERVERS, indirect=True)
@every_backend
def test_ten_thousand_names_need_few_round_trips() -> None:
    FollowedNames("default", site=SITE).publish("r0", names_of("r0"), {})
    ROUND_TRIPS.clear()
    publish("r1", 10_000)
    written = dict(ROUND_TRIPS)
    # The pointer is read before, after, and to see that no other process replaced it; the chunks are written
    # and read back.
    assert written == {"get": 3, "set_many": 1, "get_many": 1, "set": 1, "touch": 1}
    ROUND_TRIPS.clear()
    names = reader()
    eventually(names, path_in("r1"))
    assert dict(ROUND_TRIPS) == {"get": 1, "get_many": 1}


@every_backend
def test_a_lookup_makes_no_round_trip_and_a_refresh_without_change_makes_one() -> None:
    publish("r1", 1000)
    clock = Clock()
    names = reader(clock)
    eventually(names, path_in("r1"))
    ROUND_TRIPS.clear()
    for _ in range(3):
        for name, path in names_of("r1", 1000).items():
            assert names.path_of(name) == path
    assert names.path_of("no/such.css") is None
    assert not ROUND_TRIPS
    clock.pass_interval()
    for name in names_of("r1", 1000):
        names.path_of(name)
    wait_until(lambda: ROUND_TRIPS)
    assert dict(ROUND_TRIPS) == {"get": 1}


@every_backend
def test_publishing_the_current_release_again_writes_nothing() -> None:
    publish("r1", 1000)
    ROUND_TRIPS.clear()
    publish("r1", 1000)
    assert not {"set", "set_many", "touch", "delete_many"} & set(ROUND_TRIPS)


@every_backend
def test_publishing_the_current_release_again_restores_missing_chunks() -> None:
    publish("r1", 2000)
    caches["default"].delete(chunk_keys()[1])
    publish("r1", 2000)
    eventually(reader(), path_in("r1"))


# Lifetimes


@pytest.mark.parametrize("backend", ["redis"], indirect=True)
def test_the_current_release_never_expires_and_a_replaced_one_does(
    backend: dict[str, Any], redis: Redis
) -> None:
    def lifetimes(keys: list[str]) -> set[int]:
        answers = [redis.ask(f"TTL :1:{key}".encode()) for key in keys]
        return {int(answer.removeprefix(b":")) for answer in answers}

    publish("r1", 2000)
    first = chunk_keys()
    assert lifetimes([Namespace(SITE).pointer_key, *first]) == {-1}
    publish("r2", 2000)
    assert lifetimes([Namespace(SITE).pointer_key, *chunk_keys()]) == {-1}
    assert all(30 * 86_400 - 1000 < seconds <= 30 * 86_400 for seconds in lifetimes(first))
    publish("r1", 2000)
    assert lifetimes(first) == {-1}


# Evictions and damage


def evict_chunk() -> None:
    caches["default"].delete(chunk_keys()[1])


def evict_pointer() -> None:
    caches["default"].delete(Namespace(SITE).pointer_key)


def evict_all() -> None:
    caches["default"].clear()


def _replace(key: str, change: Callable[[Any], object]) -> None:
    cache = caches["default"]
    cache.set(key, change(cache.get(key)), timeout=None)


def truncate_chunk() -> None:
    _replace(chunk_keys()[0], lambda value: value[: len(value) // 2])


def flip_a_bit() -> None:
    _replace(chunk_keys()[0], lambda value: value[:-20] + bytes([value[-20] ^ 1]) + value[-19:])


def swap_chunks() -> None:
    first, second = chunk_keys()[:2]
    values = caches["default"].get_many([first, second])
    caches["default"].set_many({first: values[second], second: values[first]}, timeout=None)


def put_chunk_of_another_site() -> None:
    mine = chunk_keys()[0]
    publish("r9", 2000, site="another")
    namespace = Namespace("another")
    theirs = namespace.decode_pointer(caches["default"].get(namespace.pointer_key))
    assert isinstance(theirs, Pointer)
    _replace(mine, lambda value: caches["default"].get(namespace.chunk_keys(theirs)[0]))


def put_text() -> None:
    _replace(chunk_keys()[0], lambda value: "something else")


def put_an_object() -> None:
    _replace(chunk_keys()[0], lambda value: {"css/style7.css": "css/evil.css"})


def damage_pointer() -> None:
    _replace(Namespace(SITE).pointer_key, lambda value: b"{}")


DAMAGES = [
    *(evict_chunk, evict_pointer, evict_all, truncate_chunk, flip_a_bit, swap_chunks),
    *(put_chunk_of_another_site, put_text, put_an_object, damage_pointer),
]
every_damage = pytest.mark.parametrize("damage", DAMAGES)


@every_damage
@every_backend
def test_after_damage_names_are_unhashed_until_the_next_publication(damage: Callable[[], None]) -> None:
    publish("r1", 2000)
    damage()
    clock = Clock()
    names = reader(clock)
    assert {names.path_of(name) for name in names_of("r1", 2000)} == {None}
    assert names.release == ""
    publish("r2", 2000)
    clock.pass_interval()
    eventually(names, path_in("r2"))


@every_damage
@pytest.mark.parametrize("backend", ["locmem", "redis", "pymemcache"], indirect=True)
@every_backend
def test_after_damage_a_process_keeps_its_names(
    damage: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    publish("r1", 2000)
    clock = Clock()
    names = reader(clock)
    eventually(names, path_in("r1"))
    damage()
    for _ in range(3):
        clock.pass_interval()
        names.refresh()
        assert {name: names.path_of(name) for name in names_of("r1", 2000)} == names_of("r1", 2000)
    logged = [record for record in caplog.records if "the next attempt is in" in record.message]
    assert len(logged) == (damage in (evict_pointer, evict_all, damage_pointer)), (
        "a table that the process has is not read again"
    )


@every_damage
@pytest.mark.parametrize("backend", ["locmem", "redis", "pymemcache"], indirect=True)
@every_backend
def test_after_damage_the_names_of_a_local_manifest_are_used(damage: Callable[[], None]) -> None:
    publish("r1", 2000)
    damage()
    local = NameTable(release="r1", names=names_of("r1", 2000), integrity={NAME: "sha256-local"})
    names = reader(fallback=lambda: local)
    assert {name: names.path_of(name) for name in names_of("r1", 2000)} == names_of("r1", 2000)
    assert names.integrity_of(NAME) == "sha256-local"


@pytest.mark.parametrize("backend", ["locmem", "redis", "pymemcache"], indirect=True)
@every_backend
def test_a_local_manifest_of_the_current_release_wins_over_older_names() -> None:
    local = NameTable(release="r2", names=names_of("r2", 2000))
    clock = Clock()
    names = reader(clock, fallback=lambda: local)
    publish("r1", 2000)
    eventually(names, path_in("r1"))
    publish("r2", 2000)
    evict_chunk()
    clock.pass_interval()
    eventually(names, path_in("r2"))


# Refusals


@every_backend
def test_a_cache_that_drops_entries_is_a_publish_error(backend: dict[str, Any]) -> None:
    if "MAX_ENTRIES" not in _options_of(backend):
        return
    publish("r1", 10)
    before = pointer()
    with (
        default_cache({**backend, "OPTIONS": {"MAX_ENTRIES": 4}}),
        pytest.raises(PublishError, match=r"does not return .* chunk \d+ of \d+ is missing"),
    ):
        publish("r2", 20_000)
    assert pointer() == before


def _options_of(setting: Mapping[str, Any]) -> set[str]:
    is_of_server = "127.0.0.1" in setting["LOCATION"]
    return set() if is_of_server else {"MAX_ENTRIES"}


REFUSING = {
    "redis": ("--maxmemory", "2mb", "--maxmemory-policy", "noeviction"),
    "pymemcache": ("-M", "-m", "2"),
    "pylibmc": ("-M", "-m", "2"),
}


@pytest.mark.parametrize("name", REFUSING)
def test_a_server_that_refuses_a_table_keeps_the_previous_release(name: str) -> None:
    with (
        running(server_for(name, *REFUSING[name])) as server,
        default_cache(server_setting(name, server.address)),
    ):
        publish("r1", 10)
        before = pointer()
        with pytest.raises(PublishError, match=r"CACHES\['default'\] .*(refused|cannot be written)"):
            publish("r2", 40_000)
        assert pointer() == before
        eventually(reader(), path_in("r1"))


@pytest.mark.parametrize("name", CACHE_SERVERS)
def test_publishing_to_a_stopped_server_is_an_error_that_names_it(name: str) -> None:
    server = server_for(name)
    with running(server), default_cache(server_setting(name, server.address)):
        server.stop()
        with pytest.raises(PublishError) as raised:
            publish("r1")
        assert "CACHES['default']" in str(raised.value)
        assert "publish again" in str(raised.value)


def test_publishing_to_a_dummy_cache_is_an_error() -> None:
    with (
        default_cache({"BACKEND": "django.core.cache.backends.dummy.DummyCache"}),
        pytest.raises(PublishError, match="keeps nothing, because it is a dummy"),
    ):
        publish("r1")


def test_publishing_through_a_missing_client_is_an_error_that_names_it() -> None:
    with (
        default_cache({"BACKEND": "tests.no_such.Cache", "LOCATION": "x"}),
        pytest.raises(PublishError, match=r"tests\.no_such\.Cache\): cannot be used"),
    ):
        publish("r1")


def test_a_key_prefix_too_long_for_memcached_is_an_error(memcached: Memcached) -> None:
    setting = server_setting("pymemcache", memcached.address, KEY_PREFIX="p" * 240)
    with default_cache(setting), pytest.raises(PublishError, match="longer than 250"):
        publish("r1")


# Servers that stop and start


@pytest.mark.parametrize("name", CACHE_SERVERS)
def test_names_are_unhashed_until_the_server_starts(name: str, caplog: pytest.LogCaptureFixture) -> None:
    server = server_for(name)
    with running(server), default_cache(server_setting(name, server.address)):
        server.stop()
        clock = Clock()
        names = reader(clock)
        for _ in range(5):
            assert names.path_of(NAME) is None
            clock.pass_interval()
        wait_until(lambda: _logged(caplog, "templates get unhashed names"))
        server.start()
        wait_until(lambda: is_published("r1"))
        clock.pass_interval()
        eventually(names, path_in("r1"))
    assert (
        len(_logged(caplog, "the next attempt is in")) <= 2
    )  # pylibmc distinguishes a stopped server from a missing value
    assert len(_logged(caplog, "works again")) == 1


@pytest.mark.parametrize("name", CACHE_SERVERS)
def test_a_server_that_restarts_empty_changes_only_the_log(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = server_for(name)
    with running(server), default_cache(server_setting(name, server.address)):
        publish("r1")
        clock = Clock()
        names = reader(clock)
        eventually(names, path_in("r1"))
        for act in (server.stop, server.start, server.stop, server.restart):
            act()
            for _ in range(3):
                clock.pass_interval()
                names.refresh()
                assert names.path_of(NAME) == path_in("r1")
        assert _logged(caplog, "templates get the names of release r1, from the last successful read")
        wait_until(lambda: is_published("r2"))
        clock.pass_interval()
        eventually(names, path_in("r2"))
    assert len(_logged(caplog, "works again; templates get the names of release r2")) == 1


def is_published(release: str) -> bool:
    """Publish as another process does, and return whether that succeeded."""
    try:
        as_another_process(lambda: publish(release))
    except PublishError:
        return False
    return True


def _logged(caplog: pytest.LogCaptureFixture, text: str) -> list[str]:
    return [record.message for record in caplog.records if text in record.message]


@pytest.mark.parametrize("name", ["redis", "pymemcache"])
def test_a_server_that_never_answers_delays_requests_only_briefly(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_refresh, "FIRST_PATIENCE", 0.1)
    monkeypatch.setattr(background_refresh, "PATIENCE", 0.1)
    local = NameTable(release="r1", names=names_of("r1"))
    timeouts = {"socket_timeout": 1} if name == "redis" else {"timeout": 1}
    with black_hole() as address, default_cache(server_setting(name, address, OPTIONS=timeouts)):
        clock = Clock()
        names = reader(clock, fallback=lambda: local)
        for _ in range(3):
            assert names.path_of(NAME) == path_in("r1")
            clock.pass_interval()
        wait_until(lambda: not _refresh_threads())


def _refresh_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "hashserve"]


# Caches with too little memory

UNDER_PRESSURE = {
    "redis": ("--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru"),
    "pymemcache": ("-m", "2"),
    "pylibmc": ("-m", "2"),
}
ROUNDS = 40
CONTENT = Random(4).randbytes(100_000)


@pytest.mark.parametrize("name", UNDER_PRESSURE)
def test_when_other_entries_fill_the_cache_a_name_is_correct_or_unhashed(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes: Counter[str] = Counter()
    server = server_for(name, *UNDER_PRESSURE[name])
    with running(server), default_cache(server_setting(name, server.address)):
        lasting, clock = reader(), Clock()
        released = [names_of("none", 0)]
        for number in range(ROUNDS):
            try:
                publish(f"r{number}", 5000)
                released.append(names_of(f"r{number}", 5000))
            except PublishError:
                outcomes["not published"] += 1
            fill_cache(number)
            clock.pass_interval()
            outcomes[outcome_of(reader(), released[-1:])] += 1
            outcomes[f"lasting {outcome_of(lasting, released)}"] += 1
    outcomes["half evicted"] = len(_logged(caplog, "is missing"))
    print(name, dict(outcomes))
    assert (outcomes["wrong"], outcomes["lasting wrong"]) == (0, 0)
    assert min(outcomes["right"], outcomes["unhashed"], outcomes["half evicted"]) > 0, (
        "the pressure on the cache is too low or too high"
    )


def fill_cache(number: int) -> None:
    """Write other entries of a site into the cache, in some rounds more than it can hold."""
    random, cache = Random(number), caches["default"]
    for step in range(random.randrange(100)):
        start = random.randrange(100_000)
        cache.set(f"page{number}.{step}", CONTENT[start : start + random.randrange(100, 60_000)], timeout=600)


def outcome_of(names: FollowedNames, released: list[dict[str, str]]) -> str:
    """Return "right" if all names are of one release, "unhashed" if none is found, otherwise "wrong"."""
    names.refresh()
    given = {f"css/style{number}.css": names.path_of(f"css/style{number}.css") for number in range(5000)}
    if set(given.values()) == {None}:
        return "unhashed"
    return "right" if given in released else "wrong"


# Threads, forks, loops and transactions


@every_backend
def test_threads_get_correct_names_while_releases_are_published() -> None:
    publish("r0")
    names = FollowedNames("default", site=SITE, interval=0.01)
    eventually(names, path_in("r0"))
    wrong: list[object] = []
    is_over = threading.Event()
    right = {path_in(f"r{number}") for number in range(6)}

    def render() -> None:
        while not is_over.is_set():
            path = names.path_of(NAME)
            if path not in right:
                wrong.append(path)

    threads = [threading.Thread(target=render) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(1, 6):
        publish(f"r{number}")
        wait_for_release(names, f"r{number}")
    is_over.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    wait_until(lambda: not _refresh_threads())


@every_backend
def test_threads_that_start_together_all_get_the_first_names() -> None:
    publish("r1", 10_000)
    names = reader()
    barrier = threading.Barrier(8)
    given: list[str | None] = []

    def render() -> None:
        barrier.wait()
        given.append(names.path_of(NAME))

    ROUND_TRIPS.clear()
    threads = [threading.Thread(target=render) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert given == [path_in("r1")] * 8
    assert (ROUND_TRIPS["get_many"], _refresh_threads()) == (1, [])


@every_backend
def test_a_coroutine_gets_names_too() -> None:
    publish("r1")
    clock = Clock()
    names = reader(clock)

    async def render() -> str | None:
        return names.path_of(NAME)

    assert asyncio.run(render()) == path_in("r1")
    publish("r2")
    clock.pass_interval()
    wait_until(lambda: asyncio.run(render()) == path_in("r2"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
@every_backend
def test_a_forked_child_refreshes_on_its_own_connection() -> None:
    publish("r1")
    clock = Clock()
    names = reader(clock)
    eventually(names, path_in("r1"))
    # This looks as if a thread were refreshing. The child does not have that thread.
    names._background._running = RunningRefresh(os.getpid(), threading.Event())
    publish("r2")
    clock.pass_interval()
    child = os.fork()
    if child == 0:  # pragma: no cover  # no coverage is written there
        import signal

        signal.alarm(20)
        eventually(names, path_in("r2"))
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("backend", ["database"], indirect=True)
@every_backend
def test_a_refresh_takes_no_part_in_a_transaction_of_the_page() -> None:
    publish("r1")
    with transaction.atomic():
        eventually(reader(), path_in("r1"))
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)


def test_names_are_unhashed_without_the_table_of_the_database_cache(caplog: pytest.LogCaptureFixture) -> None:
    setting = {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "no_such_table"}
    with default_cache(setting), caplog.at_level(logging.WARNING):
        assert reader().path_of(NAME) is None
        with pytest.raises(PublishError, match="no such table"):
            publish("r1")
    connections.close_all()
    assert len(_logged(caplog, "no such table: no_such_table; templates")) <= 1
