"""What builds remember of an output between them: which files they made, and what they proved.

Law: a memory only saves time. One that is lost, damaged or of another folder changes no outcome.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable

from hashserve.atomic import write_atomically

__all__ = ["Memory", "Proof"]

Proof = list[object]
"""A content's SHA-256 in base64, the coding it is in, and the signature of the file that has it."""


class Memory:
    """The memory at ``location``, as it was written last; an empty one where there is none."""

    def __init__(self, location: str) -> None:
        self._location = location
        self._made: set[str] = set()
        self._recalled: dict[str, Proof] = {}
        self._proven: dict[str, Proof] = {}
        self._written = ""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            self._load()

    def _load(self) -> None:
        with open(self._location, encoding="utf-8") as stream:
            text = stream.read()
        document = json.loads(text)
        made, recalled = set(document["made"]), dict(document["proven"])
        if not all(isinstance(path, str) for path in made):
            raise TypeError(made)
        self._made, self._recalled = made, recalled
        self._written = text

    def add_made(self, path: str) -> None:
        """Remember that a build made the file at ``path``, so that pruning may remove it one day."""
        self._made.add(path)

    def is_made(self, path: str) -> bool:
        """Whether a build made the file at ``path``, as far as is remembered."""
        return path in self._made

    @property
    def is_empty(self) -> bool:
        """Whether nothing is remembered: no build was here, or its memory is lost."""
        return not self._made

    def is_proven(self, path: str, proof: Proof) -> bool:
        """Whether just this was proven of the file at ``path`` before."""
        return proof in (self._proven.get(path), self._recalled.get(path))

    def add_proof(self, path: str, proof: Proof) -> None:
        """Remember what the file at ``path`` is proven to be."""
        self._proven[path] = proof

    def forget(self, paths: Iterable[str]) -> None:
        """Forget files that are gone."""
        for path in paths:
            self._made.discard(path)
            self._recalled.pop(path, None)
            self._proven.pop(path, None)

    def keep_recalled(self) -> None:
        """Go on remembering what was proven before and not asked for now."""
        self._proven = {**self._recalled, **self._proven}

    def save(self, temporary_folder: str) -> None:
        """Write down what was made, and what was proven or asked for, if that is anything new.

        Without room for it there is no memory next time: no reason to fail.
        """
        text = json.dumps(
            {"made": sorted(self._made), "proven": self._proven}, separators=(",", ":"), sort_keys=True
        )
        if text != self._written:
            with contextlib.suppress(OSError):
                write_atomically(self._location, [text.encode()], temporary_directory=temporary_folder)
