"""A service that counts what it answers.

Invariant: each answer is counted once, where it leaves the service: those from memory by the function that
copies their fields, all others after they were made. A service that does not count knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from hashserve.http.codings import IDENTITY
from hashserve.http.messages import Headers, Request
from hashserve.serve.assets import Asset
from hashserve.serve.counters import Counters, Counts, Form, State
from hashserve.serve.kinds import Kind
from hashserve.serve.policy import Policy
from hashserve.serve.service import Entry, Recalled, Service
from hashserve.serve.site import Answer
from hashserve.settings.serve import ServeSettings

__all__ = ["CountingService"]

Fields = TypeVar("Fields")

WITH_CONTENT = (200, 206)


class CountingService(Service[Fields]):
    """A `Service` whose `counts` can be read at any time; several may share their ``counters``."""

    def __init__(
        self,
        settings: ServeSettings,
        copier: Callable[[Headers], Callable[[], Fields]],
        policy: Policy | None = None,
        *,
        on_aim: Callable[[str, str], None] = lambda lowest, highest: None,
        counters: Counters | None = None,
    ) -> None:
        super().__init__(settings, copier, policy, on_aim=on_aim)
        self._counters = counters or Counters()

    def counts(self) -> Counts:
        """Give what was counted up to now, and what is kept in memory."""
        return self._counters.counts([self.state()])

    def state(self) -> State:
        """Give what was not counted in answers: manifests, and what is kept in memory now."""
        reloads = [mount.reloads for mount in self.site.mounts]
        return State(
            sum(taken_over for taken_over, _ in reloads),
            sum(failed for _, failed in reloads),
            # Lists first: other threads add to the dictionaries.
            sum(map(len, [*self.hot.values()])) + sum(map(len, [*self.live.values()])),
            *self.site.bodies.kept(),
        )

    def recall(self, path: str, method: str, fields: Mapping[str, Any]) -> Recalled[Fields] | None:
        """Do what `Service.recall` does."""
        if method != "HEAD":
            return Service.recall(self, path, method, fields)
        return self._without_body("fingerprinted", Service.recall(self, path, "GET", fields))

    def recall_live(self, path: str, method: str, fields: Mapping[str, Any]) -> Recalled[Fields] | None:
        """Do what `Service.recall_live` does."""
        if method != "HEAD":
            return Service.recall_live(self, path, method, fields)
        return self._without_body("unhashed", Service.recall_live(self, path, "GET", fields))

    def _without_body(self, kind: Kind, recalled: Recalled[Fields] | None) -> Recalled[Fields] | None:
        """Give what HEAD gets of what was recalled for GET, and counted as such."""
        if recalled is None:
            return None
        status, fields, body = recalled
        self._counters.take_back(kind, sum(map(len, body)))
        return status, fields, ()

    def answer(self, request: Request) -> Answer | None:
        """Do what `Service.answer` does."""
        answer = super().answer(request)
        if answer is not None:
            return self._counted(answer, request)
        self._counters.count_passed("unknown" if self.site.is_unknown(request) else "missing")
        return None

    def fallback(self, request: Request) -> Answer | None:
        """Do what `Service.fallback` does."""
        answer = super().fallback(request)
        return None if answer is None else self._counted(answer, request)

    def _counted(self, answer: Answer, request: Request) -> Answer:
        form = form_of(answer)
        self._counters.count(form._replace(size=0) if request.method == "HEAD" else form)
        return answer

    def _entry(self, answer: Answer, asset: Asset) -> Entry[Fields]:
        copy_fields, body, etag, copy_not_modified_fields = super()._entry(answer, asset)
        counted = self._counters.counted
        return (
            counted(copy_fields, form_of(answer)),
            body,
            etag,
            counted(copy_not_modified_fields, Form(answer.kind, "304", 0)),
        )


def form_of(answer: Answer) -> Form:
    """Give the form of an answer to GET."""
    status, headers, _ = answer.response
    fields = dict(headers)
    name = str(int(status))
    if status in WITH_CONTENT:
        name += f" {fields.get('Content-Encoding', IDENTITY)}"
    return Form(answer.kind, name, int(fields.get("Content-Length", "0")))
