"""What builds remember of an output between them: which files they made, and what they proved.

Invariant: a memory only saves time. One that is lost, damaged or of another folder changes no outcome.
"""

from __future__ import annotations

import contextlib
import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256 as sha256_hash
from itertools import chain, islice
from typing import TypeVar

from hashserve.atomic_files import write_atomically

__all__ = ["Memory", "Proof", "proof_of"]

Proof = str
"""A content's SHA-256, the coding it is in, and the signature of the file that has it, all as one digest."""

_Item = TypeVar("_Item")

_PROOF_BYTES = 18
"""144 bits, 24 characters. A build of 100,000 files holds 600,000 proofs, which is a third of its memory."""

_AT_ONCE = 1000
"""How many paths are written at once: the JSON of all would take more memory than all else there is."""


def proof_of(sha256: str, coding: str, signature: Iterable[int]) -> Proof:
    """Put together the proof that a file with this signature is, or decodes to, a content."""
    text = f"{sha256} {coding} {' '.join(map(str, signature))}"
    return b64encode(sha256_hash(text.encode()).digest()[:_PROOF_BYTES]).decode("ascii")


class Memory:
    """The memory at ``location``, as it was written last; an empty one where there is none.

    What is proven of a path is held once: a proof leaves what is recalled as it is asked for.
    """

    def __init__(self, location: str) -> None:
        self._location = location
        self._made: set[str] = set()  # and not proven
        self._recalled: dict[str, Proof] = {}
        self._proven: dict[str, Proof] = {}
        self._is_new = False
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            self._load()

    def _load(self) -> None:
        with open(self._location, encoding="utf-8") as stream:
            document = json.load(stream)
        made, recalled = set(document["made"]), dict(document["proven"])
        if not all(isinstance(text, str) for text in (*made, *recalled.values())):
            raise TypeError(self._location)
        self._made, self._recalled = made, recalled

    def add_made(self, path: str) -> None:
        """Remember that a build made the file at ``path``, so that pruning may remove it one day."""
        if not self.is_made(path):
            self._made.add(path)
            self._is_new = True

    def is_made(self, path: str) -> bool:
        """Whether a build made the file at ``path``, as far as is remembered: it did what it proved."""
        return path in self._proven or path in self._recalled or path in self._made

    @property
    def is_empty(self) -> bool:
        """Whether nothing is remembered: no build was here, or its memory is lost."""
        return not (self._made or self._recalled or self._proven)

    def is_proven(self, path: str, proof: Proof) -> bool:
        """Whether just this was proven of the file at ``path`` before."""
        return proof in (self._proven.get(path), self._recalled.get(path))

    def add_proof(self, path: str, proof: Proof) -> None:
        """Remember what the file at ``path`` is proven to be."""
        if self._recalled.pop(path, self._proven.get(path)) != proof:
            self._is_new = True
        self._proven[path] = proof
        self._made.discard(path)

    def forget(self, paths: Iterable[str]) -> None:
        """Forget files that are gone."""
        self._is_new = True
        for path in paths:
            self._made.discard(path)
            self._recalled.pop(path, None)
            self._proven.pop(path, None)

    def keep_recalled(self) -> None:
        """Go on remembering what was proven before and not asked for now."""
        self._proven = {**self._recalled, **self._proven}
        self._recalled = {}

    def save(self, temporary_folder: str) -> None:
        """Write down what was made, and what was proven or asked for, if that is anything new.

        Without room for it there is no memory next time: no reason to fail.
        """
        if self._is_new or self._recalled:
            with contextlib.suppress(OSError):
                write_atomically(self._location, self._document(), temporary_directory=temporary_folder)

    def _document(self) -> Iterator[bytes]:
        """Give the memory as JSON, a part at a time."""
        yield b'{"made":['
        yield from _parts(chain(self._made, self._recalled), json.dumps)
        yield b'],"proven":{'
        yield from _parts(self._proven.items(), lambda proven: json.dumps(dict(proven)))
        yield b"}}"


def _parts(items: Iterable[_Item], text_of: Callable[[list[_Item]], str]) -> Iterator[bytes]:
    """Write what stands between the brackets of a JSON array or object."""
    waiting, separator = iter(items), ""
    while batch := list(islice(waiting, _AT_ONCE)):
        yield f"{separator}{text_of(batch)[1:-1]}".encode()
        separator = ","
