"""The policy: the lifetime and media type of a file, and the fields on every response.

Invariant: these fields depend on settings and on a file's name, never on a request. They are made once for
each asset, not for each response.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from hashserve.http.cache_control import max_age_of
from hashserve.http.dates import format_date
from hashserve.http.media_types import MediaTypes
from hashserve.http.messages import Headers
from hashserve.http.responses import ANY_ORIGIN
from hashserve.settings.serve import HeadersHook, ImmutableTest, ServeSettings

if TYPE_CHECKING:
    from hashserve.serve.header_hook import HeaderHook

__all__ = [
    "FOREVER",
    "IMMUTABLE",
    "Policy",
    "immutable_test",
    "policy_of",
    "with_expires",
]

FOREVER = 31_536_000
"""One year in seconds, the usual longest lifetime."""

IMMUTABLE = f"public, max-age={FOREVER}, immutable"
"""The Cache-Control of files that never change (RFC 8246)."""


class Policy(NamedTuple):
    """The settings that decide header fields; ``max_age`` is in seconds, None for no lifetime.

    ``revalidates`` is for development: clients must revalidate every file at each use.
    ``expires`` adds an Expires field to each lifetime (`with_expires`, when the response is sent).
    ``serves_deltas`` and ``has_public_deltas`` are for fingerprinted files (`hashserve.serve.deltas`).
    """

    max_age: int | None = 60
    expires: bool = False
    revalidates: bool = False
    allow_all_origins: bool = True
    nosniff: bool = True
    media_types: MediaTypes = MediaTypes()
    add_headers: HeaderHook | None = None
    is_immutable: ImmutableTest | None = None
    serves_deltas: bool = True
    has_public_deltas: bool = False

    def common_fields(self) -> Headers:
        """Return the fields of every response of ours, errors included."""
        fields: Headers = []
        if self.allow_all_origins:
            fields.append(ANY_ORIGIN)
        if self.nosniff:
            fields.append(("X-Content-Type-Options", "nosniff"))
        return fields

    def fields(self, path: str, url: str, *, immutable: bool, media_type: str | None = None) -> Headers:
        """Return the fields of the file at ``path`` on disk, which is served at the URL path ``url``."""
        known = self.media_types
        content_type = known.with_charset(media_type) if media_type else known.content_type(path)
        fields = [("Content-Type", content_type), *self._lifetime(path, url, immutable=immutable)]
        fields += self.common_fields()
        return fields if self.add_headers is None else self.add_headers.changed(fields, path, url)

    def lifetime(self) -> str | None:
        """Return the Cache-Control of files that may change; None for no such field."""
        if self.revalidates:
            return "no-cache"
        return None if self.max_age is None else f"public, max-age={self.max_age}"

    def _lifetime(self, path: str, url: str, *, immutable: bool) -> Headers:
        if not self.revalidates and (immutable or self._is_said_to_be_immutable(path, url)):
            return [("Cache-Control", IMMUTABLE)]
        lifetime = self.lifetime()
        return [] if lifetime is None else [("Cache-Control", lifetime)]

    def _is_said_to_be_immutable(self, path: str, url: str) -> bool:
        try:
            return self.is_immutable is not None and self.is_immutable(path, url)
        except OSError as error:
            # An OSError of the test must not look like one of the file that is served.
            raise RuntimeError(f"immutable_file_test failed for {path}") from error


def with_expires(headers: Headers, now: int) -> Headers:
    """Add an Expires field with the lifetime of max-age, for old caches (RFC 9111, 5.3).

    ``now`` is in seconds since the epoch. A hook's own Expires stays as it is.
    """
    seconds = max_age_of(headers)
    if seconds is None or any(name.lower() == "expires" for name, _ in headers):
        return headers
    return [*headers, ("Expires", format_date(now + seconds))]


def policy_of(settings: ServeSettings, *, revalidates: bool = False) -> Policy:
    """Return the policy that these settings make."""
    return Policy(
        max_age=settings.max_age,
        expires=settings.expires,
        revalidates=revalidates,
        allow_all_origins=settings.allow_all_origins,
        nosniff=settings.nosniff,
        media_types=MediaTypes(settings.mimetypes, charset=settings.charset),
        add_headers=_header_hook(settings.add_headers_function),
        is_immutable=immutable_test(settings.immutable_file_test),
        serves_deltas=settings.serve_deltas,
        has_public_deltas=settings.public_deltas,
    )


def _header_hook(function: HeadersHook | None) -> HeaderHook | None:
    if function is None:
        return None
    from hashserve.serve.header_hook import HeaderHook

    return HeaderHook(function)


def immutable_test(test: ImmutableTest | str | None) -> ImmutableTest | None:
    """Return the setting as a function: a regular expression becomes a search in URL paths."""
    if test is None or callable(test):
        return test
    pattern = re.compile(test)
    return lambda path, url: pattern.search(url) is not None
