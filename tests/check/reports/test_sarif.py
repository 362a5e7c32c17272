"""The report as SARIF."""

from __future__ import annotations

import json
from pathlib import Path

from hashserve.check import RULES, check, sarif
from tests.support.files import put
from tests.support.published_folder import damaged, publish_css


def test_a_sarif_log_has_what_the_standard_requires(out: Path) -> None:
    name = damaged(out)
    put(out, "no: scheme#é.txt", b"")
    log = json.loads(json.dumps(sarif(check(out))))
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(RULES)
    assert all("helpUri" not in rule and rule["shortDescription"]["text"] for rule in rules)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning", "note")
        (location,) = result["locations"]
        uri = location["physicalLocation"]["artifactLocation"]["uri"]
        assert uri.isascii()
        assert ":" not in uri.partition("/")[0]
        assert not uri.startswith("/")
    regions = {
        item["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]: item["locations"][0][
            "physicalLocation"
        ].get("region")
        for item in run["results"]
    }
    assert regions[name] == {"startLine": 1, "startColumn": 22}
    assert regions["robots.txt"] is None
    assert "no%3A%20scheme%23%C3%A9.txt" in regions


def test_a_finding_keeps_its_identity_when_its_file_gets_another_fingerprint(out: Path) -> None:
    identities = set()
    for colour in (b"red", b"blue"):
        publish_css(out, b"a { background: url(gone.png); color: " + colour + b" }")
        results = sarif(check(out))["runs"][0]["results"]
        identities |= {
            item["partialFingerprints"]["finding/v1"]
            for item in results
            if item["ruleId"] == "reference-missing"
        }
    assert len(identities) == 1
