"""One harness for each parser of input from outside, and for the middleware as a whole.

Invariant: a harness accepts any bytes, and raises if they break a rule for all input. It depends only on
these bytes, so every fault can be repeated.
"""

from __future__ import annotations

import atexit
import json
import os
import posixpath
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import cache
from typing import Any

from hashserve import Manifest
from hashserve.errors import ManifestError
from hashserve.fingerprint_patterns import fingerprint_of, looks_fingerprinted, without_fingerprint
from hashserve.http.codings import (
    CODINGS,
    IDENTITY,
    DecodeError,
    choose_coding,
    is_acceptable,
    parse_accept_encoding,
)
from hashserve.http.dates import format_date, parse_date
from hashserve.http.dictionaries import (
    decode_delta,
    delta_header,
    parse_available_dictionary,
)
from hashserve.http.entity_tags import EntityTag, parse_entity_tag, parse_entity_tags
from hashserve.http.messages import Request
from hashserve.http.preconditions import NotModified, PreconditionFailed, Validators, evaluate, range_applies
from hashserve.http.ranges import MOST_RANGES, select_ranges
from hashserve.manifest.importers import load_manifest
from hashserve.url_paths import decode_path, is_servable, mount_point_of, native_string, query_suffix, url_of
from tests.fuzz.delta_site import DeltaSite, digest_in, questions_of
from tests.fuzz.secret_site import Exchange, Site, SiteWithSecrets, ask, environ_of

__all__ = ["HARNESSES", "Harness"]

Harness = Callable[[bytes], None]


def text_of(data: bytes) -> str:
    """Return bytes as a native string, as servers pass the value of a field."""
    return data.decode("latin-1")


# Fields


def accept_encoding(data: bytes) -> None:
    """Accept-Encoding: qvalues are within bounds, and no forbidden coding is chosen."""
    value = text_of(data)
    qvalues = parse_accept_encoding(value)
    assert all(0 <= qvalue <= 1000 and name == name.lower() for name, qvalue in qvalues.items())
    sizes = {IDENTITY: 100, "br": 30, "gzip": 40, "zstd": 40}
    for some in (sizes, {IDENTITY: 100}, {IDENTITY: 1, "gzip": 40}):
        chosen = choose_coding(value, some)
        assert chosen in some
        assert is_acceptable(chosen, value)
        qvalue = qvalues.get(chosen, qvalues.get("*", 0))
        assert chosen == IDENTITY or all(qvalues.get(name, 0) <= qvalue for name in some)


def ranges(data: bytes) -> None:
    """Range: parts are few, within the representation, and together smaller than it."""
    size, value = int.from_bytes(data[:4], "big") >> (data[0] & 31 if data else 0), text_of(data[4:])
    for whole in (size, 10, 0):
        parts = select_ranges(value, whole)
        if parts:
            assert 0 < len(parts) <= MOST_RANGES
            assert all(part.start >= 0 and 0 < part.length <= whole - part.start for part in parts)
            assert len(parts) == 1 or sum(part.length for part in parts) < whole


FIELDS = ("if_match", "if_none_match", "if_modified_since", "if_unmodified_since", "if_range")
KNOWN = Validators(etag=EntityTag("abc"), others=[EntityTag("abc-gzip1f")], last_modified=1_700_000_000)


def preconditions(data: bytes) -> None:
    """If-*: each has an outcome, and a 304 has a tag of the resource."""
    values = [text_of(line) if line else None for line in data.split(b"\n")]
    fields: dict[str, Any] = dict(zip(FIELDS, values, strict=False))
    for validators in (KNOWN, Validators(etag=EntityTag("abc"))):
        outcome = evaluate(Request(method="GET", path="/x", **fields), validators)
        if isinstance(outcome, NotModified):
            assert outcome.etag in (validators.etag, *validators.others)
            assert fields.get("if_none_match") is not None or validators.last_modified is not None
        if isinstance(outcome, PreconditionFailed):
            assert fields.get("if_match") or fields.get("if_unmodified_since")
        assert range_applies(None, validators)
        if range_applies(fields.get("if_range"), validators) and fields.get("if_range") is not None:
            assert '"abc"' in fields["if_range"] or validators.last_modified is not None


def validators(data: bytes) -> None:
    """Entity-tags and dates: a parsed value is the same after it is written and parsed again."""
    value = text_of(data)
    for tag in (parse_entity_tag(value), *parse_entity_tags(value)):
        assert tag is None or (parse_entity_tag(str(tag)) == tag and str(tag) in value)
    moment = parse_date(value)
    if moment is not None and 0 <= moment < 253_402_300_800:
        assert parse_date(format_date(moment)) == moment


def dictionaries(data: bytes) -> None:
    """Available-Dictionary: the digest is the one that another parser of structured fields reads."""
    found = parse_available_dictionary(text_of(data))
    if found is None:
        # The other parser accepts more padding than a digest has.
        assert digest_in(data) is None or b"==" in data
    else:
        assert digest_in(data.partition(b";")[0]) == found
        # A parameter may hold a display string that is no UTF-8.
        assert digest_in(data) == found or b'%"' in data


DICTIONARY = b"".join(b".rule-%d { color: #%06x }\n" % (number, number * 40503) for number in range(60))


def deltas(data: bytes) -> None:
    """A delta: it is an error, or decodes with its own dictionary to at most as many bytes as its file."""
    size, delta = int.from_bytes(data[:2], "big"), data[2:]
    written = 0
    try:
        for content in decode_delta([delta[:50], delta[50:]], DICTIONARY, size):
            written += len(content)
    except DecodeError:
        pass
    else:
        assert delta.startswith(delta_header(DICTIONARY))
    assert written <= size


# Paths


def paths(data: bytes) -> None:
    """A path: if it can name a file, the file is below the root, and the path survives its native string."""
    native = text_of(data)
    path = decode_path(native)
    assert path is not None
    assert native_string(path) == native
    if is_servable(path):
        below = posixpath.normpath(posixpath.join("/srv/root", path))
        assert below.startswith("/srv/root/")
        assert "\0" not in path
        segments = path.removeprefix(".well-known/").split("/")
        assert not any(segment.startswith(".") or not segment for segment in segments)
    assert url_of(path).isascii()
    assert not {" ", "\n", "\r", "\0", '"', "<", "?", "#"} & set(url_of(path))
    assert not mount_point_of(native).startswith("//")
    without = without_fingerprint(path)
    assert looks_fingerprinted(path) == (fingerprint_of(path) is not None)
    assert without is None or (without and looks_fingerprinted(path))


def query(data: bytes) -> None:
    """A query string: in a Location, it cannot start another field."""
    written = query_suffix(text_of(data))
    assert written.isascii()
    assert written.isprintable()
    assert " " not in written
    assert written.startswith("?") or not data


# Files


def manifest(data: bytes) -> None:
    """A manifest: it is an error with a message, or is the same after it is written and loaded."""
    try:
        loaded = Manifest.loads(data, source="fuzzed")
    except ManifestError as error:
        message = str(error)
    else:
        message = ""
        check_written_again(loaded)
    assert not message or message.startswith("fuzzed")


def check_written_again(loaded: Manifest) -> None:
    """Check that a manifest is the same after it is written and loaded again."""
    check_manifest(loaded)
    again = Manifest.loads(loaded.dumps())
    assert again.dumps() == loaded.dumps()
    for path in loaded.files:
        loaded.record(path)
        for delta in loaded.deltas_of(path):
            check_paths([delta.path, delta.dictionary])
            assert delta.path.startswith(f"{path}.")
            assert "/" not in delta.path[len(path) :]
    for release in loaded.releases:
        check_paths(value for value in loaded.paths_of(release).values())


def check_manifest(loaded: Manifest) -> None:
    """Check that a manifest names no file outside the root."""
    for names in (loaded.paths, loaded.paths.values(), loaded.files):
        check_paths(names)


def check_paths(names: Iterable[str]) -> None:
    """Check that each path is relative and below the root."""
    for name in names:
        assert name == "" or not name.startswith("/"), name
        assert ".." not in name.split("/"), name
        assert "\0" not in name


IMPORTED = (
    ".vite/manifest.json",
    "asset-manifest.json",
    "cache_manifest.json",
    ".manifest.json",
    ".sprockets-manifest-0123.json",
    "mix-manifest.json",
    "manifest.json",
    "staticfiles.json",
)


@cache
def folder() -> str:
    """Return a folder that only this process uses."""
    made = tempfile.mkdtemp(prefix="hashserve-fuzz-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    os.mkdir(os.path.join(made, ".vite"))
    return made


def importers(data: bytes) -> None:
    """Another tool's manifest: it is a ManifestError, or a manifest that hashserve can write."""
    name = IMPORTED[data[0] % len(IMPORTED)] if data else IMPORTED[0]
    location = os.path.join(folder(), name)
    with open(location, "wb") as stream:
        stream.write(data[1:])
    for root in (folder(), os.path.dirname(folder())):
        try:
            loaded = load_manifest(location, root=root)
        except ManifestError as error:
            json.dumps(str(error))
            continue
        check_manifest(loaded)
        # hashserve's format cannot map a name to another file without a fingerprint.
        if all(path == name or path in loaded.files for name, path in loaded.paths.items()):
            assert Manifest.loads(loaded.dumps()).paths == loaded.paths


# The middleware as a whole

LETTERS = {
    "e": "Accept-Encoding",
    "r": "Range",
    "i": "If-Range",
    "m": "If-Match",
    "n": "If-None-Match",
    "s": "If-Modified-Since",
    "u": "If-Unmodified-Since",
    "o": "Origin",
    "p": "Access-Control-Request-Method",
    "h": "Access-Control-Request-Headers",
    "a": "Accept",
}
"""The field of a line in a fuzzed request, by the first letter of the line."""


@cache
def secret_site() -> SiteWithSecrets:
    """Return the site of this process."""
    return SiteWithSecrets(os.path.join(folder(), "site"))


@cache
def delta_sites() -> tuple[DeltaSite, ...]:
    """Return three releases, served with different settings."""
    kinds: tuple[dict[str, Any], ...] = (
        {},
        {"public_deltas": True},
        {"body_budget": 0},
        {"allow_all_origins": False, "counters": True},
        {"memo_size": 2},
    )
    return tuple(
        DeltaSite(os.path.join(folder(), f"deltas-{number}"), settings=settings)
        for number, settings in enumerate(kinds)
    )


def decisions(data: bytes) -> None:
    """Requests with dictionaries: a client that has what it names can decode what it gets (RFC 9842)."""
    sites = delta_sites()
    site = sites[(data[0] if data else 0) % len(sites)]
    site.forget_answers()
    for question in questions_of(data[1:]):
        site.check(question)


@cache
def django_sites() -> tuple[Site, ...]:
    """Return the same root, served by Django's middleware."""
    from tests.support.django_client import django_application

    root = secret_site().tree.root
    return tuple(
        Site(django_application(gateway, STATIC_ROOT=root, HASHSERVE={"PREFIX": "/static/"}), "/static/")
        for gateway in ("wsgi", "asgi")
    )


def exchange(sites: tuple[Site, ...], data: bytes) -> Exchange:
    """Send a request: the first byte is the site; lines follow with method, path, query, and fields."""
    number, lines = (data[0] if data else 0), text_of(data[1:]).split("\n")
    method, path, search = (*lines[:3], "", "", "")[:3]
    fields = [(LETTERS[line[0]], line[1:]) for line in lines[3:] if line[:1] in LETTERS]
    site = sites[number % len(sites)]
    return ask(site.application, environ_of(method or "GET", site.prefix + path, search, fields))


def wsgi(data: bytes) -> None:
    """A whole request to the WSGI middleware."""
    exchange(secret_site().sites, data).check()


def django(data: bytes) -> None:
    """A whole request to Django's middleware, under WSGI and ASGI."""
    reply = exchange(django_sites(), data)
    if reply.status == 400:
        # Django refuses a path that is not UTF-8 before any middleware.
        with suppress(UnicodeDecodeError):
            data.decode()
            raise AssertionError(reply)
        return
    reply.check()


HARNESSES: Mapping[str, Harness] = {
    harness.__name__: harness
    for harness in (
        accept_encoding,
        ranges,
        preconditions,
        validators,
        dictionaries,
        deltas,
        paths,
        query,
        manifest,
        importers,
        decisions,
        wsgi,
        django,
    )
}
"""Every harness, by its name."""

assert CODINGS.keys() == {"br", "gzip", "zstd"}, "the harness of Accept-Encoding knows each coding"
