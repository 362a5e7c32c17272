"""The modules among the files that Django's finders find, for development.

Invariant: each call knows what is on disk now. A script is read again only after it changed.
"""

from __future__ import annotations

import os
from contextlib import suppress

from hashserve.builder.naming.fingerprinter import Fingerprinter
from hashserve.builder.sources.scanner import ScannedFile, Scanner, module_graph
from hashserve.builder.sources.tree import SourceFile
from hashserve.django.build_settings import build_settings
from hashserve.django.finders import list_files
from hashserve.errors import HashserveError
from hashserve.file_identity import FileIdentity, identify
from hashserve.module_graph import SCRIPT_EXTENSIONS, ModuleGraph

__all__ = ["development_modules"]

_known: dict[frozenset[str], dict[str, tuple[FileIdentity, ScannedFile]]] = {}
"""What is known of each script, for one set of paths: a reference may lead to a new file."""


def development_modules() -> ModuleGraph:
    """Return the modules among the files that the finders find now. A file that cannot be read is none."""
    paths, locations = list_files(SCRIPT_EXTENSIONS)
    if paths not in _known:
        _known.clear()
    known = _known.setdefault(paths, {})
    settings = build_settings()
    scanner = Scanner(paths, Fingerprinter.of(settings), prefix=settings.prefix)
    scanned = {}
    for path, location in locations.items():
        with suppress(OSError, HashserveError):
            scanned[path] = _scan(scanner, known, path, location)
    return module_graph(scanned)


def _scan(
    scanner: Scanner, known: dict[str, tuple[FileIdentity, ScannedFile]], path: str, location: str
) -> ScannedFile:
    identity = identify(os.stat(location))
    before = known.get(path)
    if before is not None and before[0] == identity:
        return before[1]
    scanned = scanner.scan(SourceFile(logical_path=path, location=location))
    known[path] = (identity, scanned)
    return scanned
