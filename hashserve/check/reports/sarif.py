"""A report as SARIF 2.1.0, which code hosts and editors show next to the files.

Invariant: the log conforms to the OASIS standard; places are relative to the checked folder.
Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from hashserve.check.findings import CheckFinding
from hashserve.check.report import CheckReport
from hashserve.check.rule_table import RULES, Rule
from hashserve.fingerprint_patterns import without_fingerprint
from hashserve.manifest.model import file_of_delta
from hashserve.visible_text import visible

__all__ = ["sarif"]

_SCHEMA_URL = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_URI_BASE_ID = "OUT"


def sarif(report: CheckReport) -> Mapping[str, Any]:
    """Return a report as a SARIF log, in JSON values."""
    driver = {
        "name": "hashserve check",
        "version": version("hashserve"),
        "rules": [_rule(rule) for rule in RULES.values()],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {_URI_BASE_ID: {"description": {"text": "The folder that was checked."}}},
        "invocations": [{"executionSuccessful": True}],
        "results": [
            *(_result(item) for item in report.findings),
            *({**_result(item.finding), "suppressions": [_suppression(item.by)]} for item in report.accepted),
        ],
    }
    return {"$schema": _SCHEMA_URL, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> Mapping[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.description},
        "help": {"text": f"{rule.remedy[0].upper()}{rule.remedy[1:]}."},
        "defaultConfiguration": {"level": rule.level.value},
    }


def _result(item: CheckFinding) -> Mapping[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(item.path), "uriBaseId": _URI_BASE_ID}}
    if item.line:
        place["region"] = {"startLine": item.line, "startColumn": item.column}
    return {
        "ruleId": item.rule,
        "ruleIndex": list(RULES).index(item.rule),
        "level": item.level.value,
        # Brackets would make links in a SARIF message (section 3.11.6).
        "message": {"text": _plain(f"{visible(item.message)}; {item.remedy}")},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"finding/v1": _identity(item)},
    }


def _suppression(by: str) -> Mapping[str, str]:
    """Return why a result is suppressed (section 3.35): by something that is not in the file itself."""
    return {"kind": "external", "status": "accepted", "justification": f"accepted by {visible(by)}"}


def _plain(text: str) -> str:
    return text.replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")


def _uri(path: str) -> str:
    """Return a path as a relative reference whose first segment has no colon (RFC 3986, section 4.2)."""
    return quote(path.encode("utf-8", "surrogateescape"), safe="/~!$&'()*+,;=@")


def _identity(item: CheckFinding) -> str:
    """Return an id that a finding keeps when a build gives its file another fingerprint."""
    is_delta = file_of_delta(item.path) is not None  # its name has two fingerprints
    path = (item.logical_path if is_delta else without_fingerprint(item.path)) or item.path
    text = json.dumps([item.rule, path, item.line, item.column])
    return sha256(text.encode()).hexdigest()[:32]
