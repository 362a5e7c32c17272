"""The counters of a Django process, which all its middleware share.

Invariant: all middleware of a process count together, because Django makes one for each of its handlers.
A response stays counted when its handler is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakSet

from hashserve.django.responses import Store
from hashserve.django.settings import SPELLINGS, load
from hashserve.errors import SettingError
from hashserve.http.messages import Headers
from hashserve.serve.counters import Counters, Counts
from hashserve.serve.policy import Policy
from hashserve.serve.service import Service
from hashserve.settings.serve import ServeSettings

__all__ = ["counters", "new_counting_service"]

_counters = Counters()
_services: WeakSet[Service[Store]] = WeakSet()


def counters() -> Counts:
    """Return what this process has answered so far, as `hashserve.HashServe.counters` does.

    Raises `SettingError` unless ``HASHSERVE["COUNTERS"]`` is set.
    """
    if not load().serve.counters:
        raise SettingError(SPELLINGS["counters"], False, "nothing is counted; set it to True")
    return _counters.counts(service.state() for service in list(_services))


def new_counting_service(
    settings: ServeSettings, copier: Callable[[Headers], Callable[[], Store]], policy: Policy
) -> Service[Store]:
    """Make a service whose counts are part of `counters`."""
    service = Service(settings, copier, policy, counters=_counters)
    _services.add(service)
    return service
