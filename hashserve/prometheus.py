"""The counts of a process, for Prometheus.

Invariant: a scrape reads the counts; nothing happens between two scrapes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Protocol

from hashserve.serve.counters import Counts

try:
    from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
    from prometheus_client.registry import Collector
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "prometheus_client is missing; install it with: pip install 'hashserve[prometheus]'", name=error.name
    ) from error

__all__ = ["Counting", "HashServeCollector"]


class Counting(Protocol):
    """A `hashserve.HashServe`, or the module `hashserve.django.counting`."""

    def counters(self) -> Counts:
        """Return the counts up to now. Raises `SettingError` where counting is off."""


class HashServeCollector(Collector):
    """Collects the counts of ``counting`` for each scrape.

    ::

        REGISTRY.register(HashServeCollector(application))

    ``by_process`` adds the label ``pid`` to every sample, for servers whose processes share one address.
    """

    def __init__(self, counting: Counting, *, by_process: bool = False) -> None:
        self._counting = counting
        self._by_process = by_process

    def collect(self) -> Iterable[Metric]:
        """Yield every metric. Raises `SettingError` where counting is off."""
        counts = self._counting.counters()
        # Read at each scrape, because the process may have forked after the registration.
        common = {"pid": str(os.getpid())} if self._by_process else {}
        for name, help_text, family, rows in _metrics(counts):
            own = next((tuple(labels) for labels, _ in rows), ())
            metric = family(name, help_text, labels=(*own, *common))
            for labels, value in rows:
                metric.add_metric([*labels.values(), *common.values()], value)
            yield metric


_Family = type[CounterMetricFamily] | type[GaugeMetricFamily]
_Rows = list[tuple[dict[str, str], int]]


def _metrics(counts: Counts) -> Iterable[tuple[str, str, _Family, _Rows]]:
    """Yield each metric as name, help, type, and values with their labels."""
    yield (
        "hashserve_responses",
        "Responses, by status, kind and content coding.",
        CounterMetricFamily,
        [
            (_labels(kind, name), number)
            for kind, by_name in counts["responses"].items()
            for name, number in by_name.items()
        ],
    )
    yield (
        "hashserve_response_body_bytes",
        "Bytes of response bodies by kind, counted in full when a response starts.",
        CounterMetricFamily,
        [({"kind": kind}, number) for kind, number in counts["body_bytes"].items()],
    )
    for name, help_text, number in (
        ("hashserve_deltas", "Responses with a delta.", counts["deltas"]),
        (
            "hashserve_delta_saved_bytes",
            "Bytes that deltas saved, compared with the variants in their place.",
            counts["delta_bytes_saved"],
        ),
    ):
        yield name, help_text, CounterMetricFamily, [({}, number)]
    yield (
        "hashserve_passed_requests",
        "Requests under a prefix that were passed to the application, by kind.",
        CounterMetricFamily,
        [({"kind": kind}, number) for kind, number in counts["passed"].items()],
    )
    for name, help_text, number in (
        ("hashserve_manifest_reloads", "New manifests that were loaded.", counts["manifest_reloads"]),
        (
            "hashserve_manifest_failures",
            "New manifests that failed to load.",
            counts["manifest_failures"],
        ),
    ):
        yield name, help_text, CounterMetricFamily, [({}, number)]
    for name, help_text, number in (
        ("hashserve_remembered_answers", "Answers in memory now.", counts["remembered_answers"]),
        ("hashserve_kept_bodies", "Bodies in memory now.", counts["kept_bodies"]),
        ("hashserve_kept_bytes", "Bytes of the bodies in memory now.", counts["kept_bytes"]),
    ):
        yield name, help_text, GaugeMetricFamily, [({}, number)]


def _labels(kind: str, name: str) -> dict[str, str]:
    status, _, coding = name.partition(" ")
    return {"status": status, "kind": kind, "coding": coding}
