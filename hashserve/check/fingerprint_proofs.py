"""Whether a fingerprint is that of the content that it stands for.

Invariant: a fingerprint is proven, or it is refuted, or nothing can be said; a name alone proves nothing.

Proven is a token that is the start of a digest of the final content; or, for files that refer to
each other in a circle, of what the build names such a unit by. Which digest, and how much of it,
the manifest does not tell: so every digest is tried that is there on every machine.

Refuted is a token that proves to be neither, of a file that a build made: only a build puts a
file under its logical path as well. Where that copy is not there, the name may be one that another
tool gave and the build kept, and nothing is said.
"""

from __future__ import annotations

import hashlib
import os
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping

from hashserve.builder.chunks import read_chunks
from hashserve.builder.naming.fingerprinter import Fingerprinter
from hashserve.builder.naming.graph import Component, Link, RewriteSource, components, fingerprint
from hashserve.builder.references.resolver import Internal
from hashserve.builder.references.rewrite import rewrite
from hashserve.check.references import References

__all__ = ["is_start_of_digest", "is_token_of", "proven_in_unit", "units"]

DIGESTS = tuple(
    sorted(
        (
            name
            for name in hashlib.algorithms_guaranteed
            if hashlib.new(name, usedforsecurity=False).digest_size  # others have no length of their own
        ),
        key=lambda name: (name not in ("md5", "sha256"), name),
    )
)
"""The digests that a fingerprint can be taken from on every machine, the usual ones first."""


def is_start_of_digest(token: str, *, sha256: str, md5: str) -> bool:
    """Whether a token is taken from one of the digests that are known already (base64, and hex)."""
    return md5.startswith(token) or b64decode(sha256).hex().startswith(token)


def is_token_of(token: str, location: str) -> bool:
    """Whether a token is taken from any digest of the file's content; reads it once. Raises `OSError`."""
    digests = [hashlib.new(name, usedforsecurity=False) for name in DIGESTS]
    for chunk in read_chunks(location):
        for digest in digests:
            digest.update(chunk)
    return any(digest.hexdigest().startswith(token) for digest in digests)


def units(targets: Mapping[str, Iterable[str]]) -> dict[str, Component]:
    """Tell which unit each path is in that refers to itself, by way of others or not."""
    cyclic = [component for component in components(targets) if component.is_cyclic]
    return {path: component for component in cyclic for path in component.members}


def proven_in_unit(
    unit: Component,
    tokens: Mapping[str, str],
    logical: Mapping[str, str],
    references: References,
    read: Callable[[str], bytes],
) -> frozenset[str]:
    """Give those of the paths in ``tokens``, members of one unit, whose token the unit proves.

    ``logical`` has the logical path of each member, ``read`` gives its content. What the build named
    the unit by holds the references inside of it as they were written: they are put back, spelt as a
    name is that needs no escapes. Raises `OSError`.
    """
    names = {path: logical.get(path, path) for path in unit.members}
    sources = {names[path]: _restored(path, read(path), names, references) for path in unit.members}
    restored = Component(members=tuple(sorted(sources)), is_cyclic=True)
    proven: set[str] = set()
    for digest in DIGESTS:
        length = hashlib.new(digest, usedforsecurity=False).digest_size * 2
        made = fingerprint(restored, sources.__getitem__, {}, Fingerprinter(digest=digest, length=length))
        whole = {item.logical_path: item.path for item in made}
        proven.update(
            path
            for path, token in tokens.items()
            if whole[names[path]].startswith(f"{os.path.splitext(names[path])[0]}.{token}")
        )
        if len(proven) == len(tokens):
            break
    return frozenset(proven)


def _restored(path: str, content: bytes, names: Mapping[str, str], references: References) -> RewriteSource:
    """Give a member as it was before the references inside of its unit were rewritten."""
    replacements = [
        (reference, target.url(names[target.logical_path]))
        for reference, target in references.links(path, content)
        if isinstance(target, Internal) and target.logical_path in names
    ]
    before = rewrite(content, replacements)
    links = [
        Link(reference=reference, internal=target)
        for reference, target in references.links(path, before, among=frozenset(names.values()))
        if isinstance(target, Internal)
    ]
    return RewriteSource(content=before, links=tuple(links))
