"""The service that every gateway asks: a site, its memo, and what is counted.

Invariant: HEAD is GET without ranges and without a body (RFC 9110 sections 9.3.2 and 14.2). Only this
module decides so; it also makes what the memo returns for HEAD. Each answer is counted once: one from the
memo by the function that copies its fields, any other before it is returned.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import time
from typing import TYPE_CHECKING, Generic, TypeVar

from hashserve.http.messages import Headers, Request
from hashserve.serve.answers import Answer
from hashserve.serve.asset_responses import not_modified
from hashserve.serve.assets import Asset
from hashserve.serve.memo import AnswerMemo, ByPath, Choice, Entry
from hashserve.serve.negotiation import allowed_origin, dictionary_of, offered_deltas
from hashserve.serve.policy import Policy, with_expires
from hashserve.serve.site import Site
from hashserve.settings.serve import ServeSettings
from hashserve.url_paths import native_string

if TYPE_CHECKING:
    from hashserve.serve.counters import Counters, State

__all__ = ["Service"]

Fields = TypeVar("Fields")


class Service(Generic[Fields]):
    """A `Site`, and the ``memo`` of its answers in the form that a gateway sends.

    ``copier`` takes header fields, and returns a function that makes a new copy of them in that form.
    Every path that may be static starts with one of ``prefixes``, so that it is at least ``lowest`` and
    below ``highest``; ``on_bounds`` is called with these two when they change. Services for event loops set
    ``remembers_live`` to False, because they never call `AnswerMemo.recall_live`, which reads the disk.
    """

    def __init__(
        self,
        settings: ServeSettings,
        copier: Callable[[Headers], Callable[[], Fields]],
        policy: Policy | None = None,
        *,
        on_bounds: Callable[[str, str], None] = lambda lowest, highest: None,
        counters: Counters | None = None,
    ) -> None:
        self.memo: AnswerMemo[Fields] = AnswerMemo(settings.memo_size)
        self.prefixes: tuple[str, ...] = ()
        self.lowest, self.highest = "", ""  # no path is below ""
        self.remembers_live = True
        self._copier = copier
        self._on_bounds = on_bounds
        self._counters = counters
        self.site = Site(settings, policy, on_change=self._update_prefixes, on_drop=self.memo.clear)

    def answer(self, request: Request) -> Answer | None:
        """Answer any request, and remember the answer if it may be; None if the application must answer."""
        # Both are read before the answer is made: see `AnswerMemo.remember`.
        hot, choices, live = self.memo.hot, self.memo.choices, self.memo.live
        asked = request.as_get() if request.method == "HEAD" else request
        answer = self.site.answer(asked)
        self.memo.due = self.site.check_due
        if answer is None:
            if self._counters is not None:
                self._counters.count_passed("unknown" if self.site.is_unknown(request) else "missing")
            return None
        # Without an interval nothing is ever recalled.
        if answer.asset is not None and asked.is_plain_get and self.site.settings.check_interval > 0:
            if answer.watched is None:
                self._remember_hot(hot, choices, asked, answer, answer.asset)
            elif self.remembers_live:
                self.memo.remember(live, asked, (answer.watched, self._entry(answer, answer.asset)))
        return self._finish(answer, request)

    def fallback(self, request: Request) -> Answer | None:
        """Answer a request whose 404 a page may replace; None if there is no such page."""
        answer = self.site.fallback(request.as_get())
        return None if answer is None else self._finish(answer, request)

    def _finish(self, answer: Answer, request: Request) -> Answer:
        """Turn the answer to GET into the one that is sent, and count it."""
        if request.method == "HEAD":
            answer = answer.without_body()
        if self.site.policy.expires:
            headers = with_expires(answer.response.headers, int(time()))
            answer = answer._replace(response=answer.response._replace(headers=headers))
        if self._counters is not None:
            self._counters.count(answer)
        return answer

    def _remember_hot(
        self,
        hot: ByPath[Entry[Fields] | None],
        choices: ByPath[Choice[Fields]],
        request: Request,
        answer: Answer,
        asset: Asset,
    ) -> None:
        entry, offered = self._entry(answer, asset), offered_deltas(asset, request.accept_encoding)
        if not offered:
            self.memo.remember(hot, request, entry)
            return
        self.memo.remember_choice(
            hot,
            choices,
            request,
            entry,
            digest=None if answer.saved is None else dictionary_of(request),
            offered=offered,
            allowed_origin=allowed_origin(asset.fields),
        )

    def _entry(self, answer: Answer, asset: Asset) -> Entry[Fields]:
        headers = answer.response.headers
        etag = dict(headers)["ETag"]
        (body,) = answer.response.body  # one part, in memory: only such answers are remembered
        assert isinstance(body, bytes)
        fields = asset.fields if answer.saved is None else asset.delta_fields
        unchanged = Answer(not_modified(fields, etag), kind=answer.kind)
        copy, copy_unchanged = self._copies(headers), self._copies(unchanged.response.headers)
        if self._counters is None:
            return copy, body, etag, copy_unchanged, copy
        counted = self._counters.counted
        without_body = answer._replace(response=answer.response._replace(body=()), saved=None)
        return (
            counted(copy, answer),
            body,
            etag,
            counted(copy_unchanged, unchanged),
            counted(copy, without_body),
        )

    def _copies(self, headers: Headers) -> Callable[[], Fields]:
        return partial(self._dated_copy, headers) if self.site.policy.expires else self._copier(headers)

    def _dated_copy(self, headers: Headers) -> Fields:
        return self._copier(with_expires(headers, int(time())))()

    def state(self) -> State:
        """Return the counts that mounts keep, and what is in memory now."""
        from hashserve.serve.counters import State  # most servers count nothing, and start 1 ms sooner

        reloads = [mount.reloads for mount in self.site.mounts]
        return State(
            sum(taken_over for taken_over, _ in reloads),
            sum(failed for _, failed in reloads),
            len(self.memo),
            *self.site.bodies.kept(),
        )

    def _update_prefixes(self) -> None:
        """Derive prefixes and bounds from the changed mounts, and forget every answer."""
        natives = [native_string(mount.prefix) for mount in self.site.mounts]
        has_index = self.site.settings.index_name is not None
        bare = [native.rstrip("/") for native in natives if has_index and native != "/"]
        self.prefixes = tuple(dict.fromkeys((*natives, *bare)))
        # A path that starts with "/static/" is at least "/static/" and below "/static0": "0" follows "/".
        self.lowest = min(self.prefixes)
        self.highest = max(prefix[:-1] + chr(ord(prefix[-1]) + 1) for prefix in self.prefixes if prefix)
        self._on_bounds(self.lowest, self.highest)
        self.memo.clear()
