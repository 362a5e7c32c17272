"""The check from end to end: read the folder, apply the rules, report.

Invariant: no file of the folder is changed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

from hashserve.check.acceptance import Acceptance, Acceptor
from hashserve.check.checked_folder import CheckedFolder, read_folder
from hashserve.check.findings import CheckFinding
from hashserve.check.report import CheckReport
from hashserve.check.rules.deltas import delta_findings
from hashserve.check.rules.dictionaries import dictionary_findings
from hashserve.check.rules.fingerprints import fingerprint_findings, proven_tokens
from hashserve.check.rules.listed_files import listed_file_findings
from hashserve.check.rules.manifest import manifest_findings
from hashserve.check.rules.names import name_findings
from hashserve.check.rules.references import reference_findings
from hashserve.check.rules.sizes import size_findings
from hashserve.check.rules.unhashed_files import unhashed_file_findings
from hashserve.check.rules.unlisted_files import unlisted_file_findings
from hashserve.check.rules.variants import variant_findings
from hashserve.errors import SettingError
from hashserve.settings.check import CheckSettings

__all__ = ["check"]


def check(out: str | os.PathLike[str], settings: CheckSettings | None = None) -> CheckReport:
    """Check the published folder ``out``; nothing in it is changed.

    Raises `SettingError` if there is no such folder, or if the baseline cannot be used, and `OSError` if a
    file vanishes during the check.
    """
    root = os.fspath(out)
    if not os.path.isdir(root):
        raise SettingError("out", root, "is not a folder; name the one that hashserve build wrote")
    settings = settings or CheckSettings()
    acceptor = Acceptor(settings.accept, settings.baseline)
    folder = read_folder(root, settings)
    return _report(root, folder, acceptor.accept(_in_order(folder, _findings(folder, settings))))


def _in_order(folder: CheckedFolder, findings: Iterator[CheckFinding]) -> list[CheckFinding]:
    known = [replace(item, logical_path=folder.index.logical_path_of(item.path)) for item in findings]
    return sorted(known, key=lambda item: (item.path, item.line, item.column, item.rule))


def _findings(folder: CheckedFolder, settings: CheckSettings) -> Iterator[CheckFinding]:
    proven = proven_tokens(folder)
    yield from folder.tree.findings
    yield from manifest_findings(folder)
    yield from listed_file_findings(folder)
    yield from unlisted_file_findings(folder)
    yield from unhashed_file_findings(folder, proven)
    yield from variant_findings(folder)
    yield from delta_findings(folder)
    yield from dictionary_findings(folder.grades or ())
    yield from fingerprint_findings(folder, proven)
    yield from reference_findings(folder)
    yield from size_findings(folder, settings)
    yield from name_findings(folder)


def _report(root: str, folder: CheckedFolder, acceptance: Acceptance) -> CheckReport:
    manifest = folder.manifest.manifest
    files = [file for item in folder.paths.values() for file in item.on_disk.files]
    variants = sum(len(item.variants) for item in folder.paths.values())
    deltas = [delta.file for delta in folder.deltas.values() if delta.file is not None]
    return CheckReport(
        out=root,
        release="" if manifest is None else manifest.release,
        releases=0 if manifest is None else 1 + len(manifest.releases),
        files=len(files) - variants,
        variants=variants,
        deltas=len(deltas),
        size=sum(file.size for file in (*files, *deltas)),
        grades=folder.grades,
        acceptance=acceptance,
    )
