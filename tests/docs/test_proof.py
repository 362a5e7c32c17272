"""The page of proofs: its tests exist, its tables have every row, and `make soak` runs all of them."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.fuzz.harnesses import HARNESSES
from tests.integration.test_caches import CACHES
from tests.integration.test_oracle import EXPLAINED
from tests.integration.test_peer_suites import EXPECTED_FAILURES
from tests.proofs import PAGE, PROJECT, by_row_group, names_of_tests, rows_of, tables_of, with_tables
from tests.serve.test_delta_decisions import GATEWAYS
from tests.support.field_judges import CODING_DIFFERENCES, RANGE_DIFFERENCES

TEXT = PAGE.read_text(encoding="utf-8")

LOG = f"""
oracle: {{'asked': 400, 'same': 390, 'same, 200': 390, 'options': 9, 'unexplained': 1}}
judges: webob: Range: 2000 fields; {{'same': 1900, 'empty representation': 99}}; 1 unexplained
peer suite: WhiteNoise 6.12.0: 99 passed; {{'test_get_file': 2}}
.
in process: {{200: 7, 404: 5000}}, 62.9 MB after a tenth, 49.2 MB at the end
over a socket: {{404: 8, 'closed': 1}}, 25.8 MB after a fifth, 26.2 MB at the end
.caches: Varnish, defaults: 1234 answers, 567 hits; {{200: 1234}}; {{}}; {{"a 'b'": 2, 'wrong bytes': 1}}
.deltas behind Varnish, public deltas: 1234 answers, 56 deltas; 789 from the cache, 12 of them deltas; 0 wrong
.deploys: two folders, retries, nginx: {{'page 200': 1000, 'file 200': 2, 'file 404': 3}}; pages {{'a': 9}}
5 of 25 builds killed, 12345 reads, 0 broken
.decisions: django, wsgi: 1500 requests, {{'dcz 200': 900, 'br 206': 600}}, 0 wrong
clear: 3 times killed, {{'unhashed 200': 4500, 'fingerprinted 404': 1}}, 1 wrong
{"".join(f"{name}: 1000 executions, coverage 26, 38 seeds kept" + chr(10) for name in HARNESSES)}
wsgi: 2000 executions, coverage 26, 38 seeds kept; BROKE, see .cache
"""


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(test_\w+)`", TEXT))))
def test_every_test_that_is_named_is_there(name: str) -> None:
    assert name in names_of_tests()


def test_the_table_of_servers_is_that_of_the_tests() -> None:
    assert with_tables(TEXT, {"servers": by_row_group()}) == TEXT


def test_each_table_has_a_row_for_whatever_is_run() -> None:
    assert [row[0] for row in rows_of(TEXT, "oracle")] == [
        each.__name__.replace("_", " ") for each in EXPLAINED
    ]
    explained = [each.name for each in (*RANGE_DIFFERENCES, *CODING_DIFFERENCES)]
    assert [row[1] for row in rows_of(TEXT, "judges") if len(row) == 5 and row[1] in explained] == explained
    expected = [(peer, name) for peer, failures in EXPECTED_FAILURES.items() for name in failures]
    assert len([row for row in rows_of(TEXT, "peers") if row[0] in EXPECTED_FAILURES]) == len(expected)
    assert [row[0] for row in rows_of(TEXT, "caches")] == [*CACHES]
    assert [row[0].strip("`") for row in rows_of(TEXT, "fuzz")] == [*HARNESSES]
    assert len(rows_of(TEXT, "hostile")) == 3
    assert [row[0] for row in rows_of(TEXT, "deltas")][: len(CACHES)] == [*CACHES]
    assert len(rows_of(TEXT, "deploys")) == 6
    assert len(rows_of(TEXT, "clears")) == 3
    assert [row[0] for row in rows_of(TEXT, "decisions")] == [*GATEWAYS]


def test_what_a_long_run_prints_becomes_the_tables() -> None:
    page = "".join(f"<!-- {name}: begin -->\n<!-- {name}: end -->\n" for name in tables_of(LOG))
    page = with_tables(page, tables_of(LOG))
    assert "400 requests: 390 responses are equal, 9 have one of" in page
    assert rows_of(page, "oracle")[0][::3] == ["options", "9"]
    assert rows_of(page, "judges")[0] == ["webob", "Range", "2,000", "1,900", "99", "1"]
    assert ["Range", "empty representation", "webob 99"] in [
        [row[0], row[1], row[-1]] for row in rows_of(page, "judges")
    ]
    assert rows_of(page, "peers")[0] == ["WhiteNoise 6.12.0", "99", "2"]
    assert rows_of(page, "peers")[-1][:2] == ["WhiteNoise", "get file (2)"]
    assert rows_of(page, "hostile")[0] == ["in process", "5,007", "200: 7, 404: 5,000", "62.9 MB", "49.2 MB"]
    assert rows_of(page, "caches")[0][:5] == ["Varnish, defaults", "1,234", "567", "200: 1,234", "1"]
    assert rows_of(page, "deltas") == [["Varnish, public deltas", "1,234", "56", "789", "12", "0"]]
    assert rows_of(page, "deploys") == [["two folders, retries", "nginx", "1,000", "2", "3"]]
    assert "5 of 25 builds were killed. Meanwhile 12,345 responses were read; 0 were broken." in page
    assert rows_of(page, "decisions") == [["django, wsgi", "1,500", "br 206: 600, dcz 200: 900", "0"]]
    assert rows_of(page, "clears") == [["3 times killed", "4,501", "1"]]
    assert {row[0]: row[2:] for row in rows_of(page, "fuzz")}["`wsgi`"] == ["2,000", "yes"]
    assert rows_of(page, "fuzz")[0][2:] == ["1,000", "no"]
    assert with_tables(page, tables_of("")) == page


def test_make_soak_runs_whatever_has_a_long_form_and_fuzzes_last() -> None:
    # Not as a part of a `make` that runs this test.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    commands = subprocess.run(
        ["make", "-n", "soak"], cwd=PROJECT, check=True, capture_output=True, text=True, env=environment
    ).stdout
    long_forms = [
        path.relative_to(PROJECT).as_posix()
        for path in (PROJECT / "tests").rglob("test_*.py")
        if re.search(r"environ.*\"HASHSERVE_(SOAK|KILLS)\"", path.read_text(encoding="utf-8"))
    ]
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", TEXT)) - {"tests/fuzz/test_fuzz.py"}
    assert len(long_forms) >= 5
    for path in named.union(long_forms):
        assert f" {path}" in commands
    assert "-m tests.fuzz all " in commands.splitlines()[-1]
