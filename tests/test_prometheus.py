"""Prometheus reads the counts, with the names and in the form that it expects."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse
from prometheus_client.samples import Sample

from hashserve import HashServe, SettingError
from hashserve.prometheus import HashServeCollector
from tests.support.client import request, wrapped_application
from tests.support.trees import BuiltTree

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def counting(built: BuiltTree) -> HashServe:
    return HashServe(wrapped_application, built.root, counters=True, check_interval=3600.0)


def registry_of(application: HashServe, **settings: bool) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=True)
    registry.register(HashServeCollector(application, **settings))
    return registry


def samples(text: str, parser: Callable[[str], Any] = parse) -> Samples:
    found: list[Sample] = [sample for family in parser(text) for sample in family.samples]
    values = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in found}
    assert len(values) == len(found)
    return values


def named(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def ask_for_everything(built: BuiltTree, application: HashServe) -> None:
    path = f"/static/{built.names['ten.txt']}"
    etag = request(application, path)["ETag"]
    for _ in range(2):
        request(application, path)
        request(application, path, if_none_match=etag)
    request(
        application, f"/static/{built.names['css/styles.css']}", accept_encoding="gzip", range="bytes=0-6"
    )
    request(application, "/static/ten.txt")
    request(application, "/static/none.0123456789ab.txt")
    request(application, "/static/none.txt")


def expected_of(application: HashServe) -> Samples:
    counts = application.counters()
    return {
        named("hashserve_responses_total", status="200", kind="fingerprinted", coding="identity"): 3,
        named("hashserve_responses_total", status="206", kind="fingerprinted", coding="gzip"): 1,
        named("hashserve_responses_total", status="304", kind="fingerprinted", coding=""): 2,
        named("hashserve_responses_total", status="200", kind="unhashed", coding="identity"): 1,
        named("hashserve_responses_total", status="404", kind="unknown", coding=""): 1,
        named("hashserve_response_body_bytes_total", kind="fingerprinted"): 37,
        named("hashserve_response_body_bytes_total", kind="unhashed"): 10,
        named("hashserve_response_body_bytes_total", kind="unknown"): len("404 Not Found\n"),
        named("hashserve_deltas_total"): 0,
        named("hashserve_delta_saved_bytes_total"): 0,
        named("hashserve_passed_requests_total", kind="unknown"): 0,
        named("hashserve_passed_requests_total", kind="missing"): 1,
        named("hashserve_manifest_reloads_total"): 0,
        named("hashserve_manifest_failures_total"): 0,
        named("hashserve_remembered_answers"): counts["remembered_answers"],
        named("hashserve_kept_bodies"): counts["kept_bodies"],
        named("hashserve_kept_bytes"): counts["kept_bytes"],
    }


def test_prometheus_reads_the_counts(built: BuiltTree) -> None:
    application = counting(built)
    registry = registry_of(application)
    ask_for_everything(built, application)
    assert samples(generate_latest(registry).decode()) == expected_of(application)


def test_openmetrics_reads_the_same(built: BuiltTree) -> None:
    application = counting(built)
    registry = registry_of(application)
    ask_for_everything(built, application)
    text: str = generate_openmetrics(registry).decode()  # type: ignore[no-untyped-call]
    assert samples(text, parse_openmetrics) == expected_of(application)


def test_every_metric_has_its_name_and_type_before_the_first_request(built: BuiltTree) -> None:
    families = {
        family.name: family for family in parse(generate_latest(registry_of(counting(built))).decode())
    }
    assert {name: family.type for name, family in families.items()} == {
        "hashserve_responses": "counter",
        "hashserve_response_body_bytes": "counter",
        "hashserve_deltas": "counter",
        "hashserve_delta_saved_bytes": "counter",
        "hashserve_passed_requests": "counter",
        "hashserve_manifest_reloads": "counter",
        "hashserve_manifest_failures": "counter",
        "hashserve_remembered_answers": "gauge",
        "hashserve_kept_bodies": "gauge",
        "hashserve_kept_bytes": "gauge",
    }
    assert all(family.documentation.endswith(".") for family in families.values())


def test_every_sample_can_have_the_process_id_as_a_label(built: BuiltTree) -> None:
    application = counting(built)
    registry = registry_of(application, by_process=True)
    ask_for_everything(built, application)
    found = samples(generate_latest(registry).decode())
    pid = ("pid", str(os.getpid()))
    assert {(name, labels - {pid}): value for (name, labels), value in found.items()} == expected_of(
        application
    )
    assert all(pid in labels for _, labels in found)


def test_a_scrape_over_http_reads_the_same(built: BuiltTree) -> None:
    application = counting(built)
    ask_for_everything(built, application)
    server, thread = start_http_server(0, addr="127.0.0.1", registry=registry_of(application))
    try:
        url = f"http://127.0.0.1:{server.server_port}/metrics"
        with urllib.request.urlopen(url, timeout=30) as reply:
            text = reply.read().decode()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert samples(text) == expected_of(application)


def test_a_collector_cannot_be_registered_where_counting_is_off(built: BuiltTree) -> None:
    application = HashServe(wrapped_application, built.root)
    with pytest.raises(SettingError, match="make it True"):
        registry_of(application)


def test_the_counts_of_djangos_middleware_can_be_read(built: BuiltTree) -> None:
    from hashserve.django import counting as django_counting
    from tests.support.django_client import django_application, project

    settings = {"STATIC_ROOT": built.root, "HASHSERVE": {"COUNTERS": True}}
    key = named("hashserve_responses_total", status="200", kind="fingerprinted", coding="identity")
    registry = CollectorRegistry()
    registry.register(HashServeCollector(django_counting))
    with project(**settings):
        before = samples(generate_latest(registry).decode()).get(key, 0)
        request(django_application("wsgi", **settings), f"/static/{built.names['ten.txt']}")
        assert samples(generate_latest(registry).decode())[key] == before + 1


def test_a_missing_prometheus_client_is_an_error_that_says_what_to_install(tmp_path: Path) -> None:
    # A process that cannot import the client, as without the extra.
    code = "import sys; sys.modules['prometheus_client'] = None; import hashserve.prometheus"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "ModuleNotFoundError: prometheus_client is missing; install it with: pip install" in done.stderr
    assert "'hashserve[prometheus]'" in done.stderr
