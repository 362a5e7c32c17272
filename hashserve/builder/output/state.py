"""The build state: which files of an output were made by builds, and which content was verified in them.

Invariant: the state only saves time. A build with a state that is lost, damaged or of another folder has
the same outcome.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256 as sha256_hash
from typing import Any

from hashserve.atomic_files import write_atomically
from hashserve.errors import ManifestError
from hashserve.http.dictionaries import DCZ
from hashserve.manifest.discovery import read_file
from hashserve.manifest.json_text import parse_json

__all__ = ["BuildState", "Stamp", "delta_coding", "stamp_of"]

Stamp = str
"""A digest of a content's SHA-256, its coding, and the identity of the file that holds it."""

_STAMP_BYTES = 18
"""In base64, 24 characters. The stamps of 20,000 files take 13 MB; as plain text they would take 22 MB."""


_EARLIER_NAME = "memory.json"
"""The name of the state in outputs of earlier builds; it has the keys ``made`` and ``proven``."""


def stamp_of(sha256: str, coding: str, file_identity: Iterable[int]) -> Stamp:
    """Return the stamp of a file with this identity that is, or decodes to, a content."""
    text = f"{sha256} {coding} {' '.join(map(str, file_identity))}"
    return b64encode(sha256_hash(text.encode()).digest()[:_STAMP_BYTES]).decode("ascii")


def delta_coding(dictionary_sha256: str) -> str:
    """Return the coding of a delta, for its stamp: a delta decodes only with its dictionary."""
    return f"{DCZ} {dictionary_sha256}"


class BuildState:
    """The state that was saved at ``location``; an empty one where there is none.

    A path is in one of three collections: stamps that were loaded and not used yet, stamps that this
    build has verified, and paths of built files without a stamp. Beside them are the sizes of
    deltas that saved too little, by content and dictionary; those that a build does not ask for are dropped.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        self._loaded: dict[str, Stamp] = {}
        self._verified: dict[str, Stamp] = {}
        self._built: set[str] = set()
        self._loaded_rejected: dict[Stamp, int] = {}
        self._rejected: dict[Stamp, int] = {}
        self._is_changed = False
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            self._load()
        self._journal_location = os.path.join(os.path.dirname(location), "written")
        self._journal_lock = threading.Lock()
        self._unfinished = _paths_in(self._journal_location)

    def _load(self) -> None:
        document = self._read()
        built, loaded = set(document["built"]), dict(document["verified"])
        if not all(isinstance(text, str) for text in (*built, *loaded.values())):
            raise TypeError(self._location)
        rejected = dict(document.get("rejected", {}))
        if not all(type(size) is int for size in rejected.values()):
            raise TypeError(self._location)
        self._built, self._loaded, self._loaded_rejected = built, loaded, rejected

    def _read(self) -> dict[str, Any]:
        with contextlib.suppress(FileNotFoundError):
            return dict(_json_at(self._location))
        # Pruning needs the paths of an earlier build's files; what is in them is verified again.
        earlier = _json_at(os.path.join(os.path.dirname(self._location), _EARLIER_NAME))
        return {"built": [*earlier["made"], *earlier["proven"]], "verified": {}}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known: no build was here, or its state is lost."""
        return not (self._built or self._loaded or self._verified)

    def is_built(self, path: str) -> bool:
        """Whether a build made the file at ``path``; pruning may remove it."""
        return (
            path in self._verified or path in self._loaded or path in self._built or path in self._unfinished
        )

    def note_written(self, path: str) -> None:
        """Note at once that this build writes a file, so that it is known even if the build is killed."""
        line = b"\n" + json.dumps(path).encode() + b"\n"  # after a line that was cut short
        # A full disk is not an error here: the file itself will not be written either.
        with (
            contextlib.suppress(OSError),
            self._journal_lock,
            open(self._journal_location, "ab", opener=_open_without_waiting) as stream,
        ):
            stream.write(line)

    def add_built(self, path: str) -> None:
        """Note that a build made the file at ``path``."""
        if not self.is_built(path):
            self._built.add(path)
            self._is_changed = True

    def is_verified(self, path: str, stamp: Stamp) -> bool:
        """Whether the file at ``path`` was verified with this very stamp."""
        return stamp in (self._verified.get(path), self._loaded.get(path))

    def add_verified(self, path: str, stamp: Stamp) -> None:
        """Note what was verified in the file at ``path``."""
        if self._loaded.pop(path, self._verified.get(path)) != stamp:
            self._is_changed = True
        self._verified[path] = stamp
        self._built.discard(path)

    def size_of_rejected_delta(self, sha256: str, dictionary_sha256: str) -> int | None:
        """Return the size of a delta that saved too little; None if none did."""
        stamp = stamp_of(sha256, delta_coding(dictionary_sha256), ())
        size = self._rejected.get(stamp, self._loaded_rejected.get(stamp))
        if size is not None:
            self._rejected[stamp] = size
        return size

    def add_rejected_delta(self, sha256: str, dictionary_sha256: str, size: int) -> None:
        """Note that a delta saved too little: it had ``size`` bytes."""
        self._rejected[stamp_of(sha256, delta_coding(dictionary_sha256), ())] = size

    def forget(self, paths: Iterable[str]) -> None:
        """Remove files that are gone."""
        self._is_changed = True
        for path in paths:
            self._built.discard(path)
            self._unfinished.discard(path)
            self._loaded.pop(path, None)
            self._verified.pop(path, None)

    def keep_loaded(self) -> None:
        """Keep the stamps that were loaded and not used; otherwise `save` drops them."""
        self._verified = {**self._loaded, **self._verified}
        self._loaded = {}
        self._rejected = {**self._loaded_rejected, **self._rejected}

    def save(self, temporary_folder: str) -> None:
        """Write the state, if it has changed. A full disk is not an error: the next build verifies more."""
        has_new_sizes = self._rejected != self._loaded_rejected
        if self._is_changed or self._loaded or self._unfinished or has_new_sizes:
            built = {*self._built, *self._loaded, *(self._unfinished - self._verified.keys())}
            document = {"built": [*built], "verified": self._verified, "rejected": self._rejected}
            with contextlib.suppress(OSError):
                content = json.dumps(document).encode()
                write_atomically(self._location, [content], temporary_directory=temporary_folder)
                os.unlink(self._journal_location)


def _paths_in(journal_location: str) -> set[str]:
    """Return the paths that builds have noted that did not end; a line may be cut short."""
    paths: set[str] = set()
    with contextlib.suppress(OSError, ManifestError):
        for line in read_file(journal_location).splitlines():
            with contextlib.suppress(ValueError):
                path = json.loads(line)
                if isinstance(path, str):
                    paths.add(path)
    return paths


def _open_without_waiting(location: str, flags: int) -> int:
    return os.open(location, flags | getattr(os, "O_NONBLOCK", 0), 0o666)


def _json_at(location: str) -> Any:
    return parse_json(read_file(location), location)  # within the limits of a manifest; a FIFO blocks nobody
