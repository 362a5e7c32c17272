"""Proofs that a fingerprint is that of the content.

Invariant: a fingerprint is proven, refuted, or undecided; a name alone proves nothing.

* Proven: the token is the start of a digest of the content. Files that refer to each other in a circle get
  their tokens from the whole circle, so the whole circle proves them. The manifest states neither the digest
  nor the length, so the check tries each digest that Python has on every machine.
* Refuted: the token is not proven, and the file is also under its logical path. Only a build puts it there.
* Undecided: the token is not proven, and there is no such copy. Another tool may have made the name.
"""

from __future__ import annotations

import hashlib
import os
from base64 import b64decode
from collections.abc import Callable, Iterable, Mapping

from hashserve.builder.chunks import read_chunks
from hashserve.builder.naming.fingerprinter import Fingerprinter
from hashserve.builder.naming.graph import Component, Link, RewriteSource, components, fingerprint_circle
from hashserve.builder.references.resolver import Internal
from hashserve.builder.references.rewrite import rewrite
from hashserve.check.reference_follower import ReferenceFollower

__all__ = ["circles", "is_start_of_digest", "is_token_of", "proven_in_circle"]

DIGESTS = tuple(
    sorted(
        (
            name
            for name in hashlib.algorithms_guaranteed
            if hashlib.new(name, usedforsecurity=False).digest_size  # the others have no fixed length
        ),
        key=lambda name: (name not in ("md5", "sha256"), name),
    )
)
"""The digests that Python has on every machine, the usual ones first."""


def is_start_of_digest(token: str, *, sha256: str, md5: str) -> bool:
    """Whether a token is the start of one of these digests: SHA-256 in base64, MD5 in hexadecimal."""
    return md5.startswith(token) or b64decode(sha256).hex().startswith(token)


def is_token_of(token: str, location: str) -> bool:
    """Whether a token is the start of any digest of a file, which is read once. Raises `OSError`."""
    digests = [hashlib.new(name, usedforsecurity=False) for name in DIGESTS]
    for chunk in read_chunks(location):
        for digest in digests:
            digest.update(chunk)
    return any(digest.hexdigest().startswith(token) for digest in digests)


def circles(targets: Mapping[str, Iterable[str]]) -> dict[str, Component]:
    """Return the circle of each path that refers to itself, directly or through others."""
    cyclic = [component for component in components(targets) if component.is_cyclic]
    return {path: component for component in cyclic for path in component.members}


def proven_in_circle(
    circle: Component,
    tokens: Mapping[str, str],
    logical: Mapping[str, str],
    follower: ReferenceFollower,
    read: Callable[[str], bytes],
) -> frozenset[str]:
    """Return the paths in ``tokens``, all in one circle, whose token the circle proves.

    ``logical`` maps each member to its logical path, ``read`` returns its content. The build made the tokens
    before it rewrote the references inside of the circle, so these are restored, without escapes. Raises
    `OSError`.
    """
    names = {path: logical.get(path, path) for path in circle.members}
    sources = {names[path]: _restored(path, read(path), names, follower) for path in circle.members}
    proven: set[str] = set()
    for digest in DIGESTS:
        length = hashlib.new(digest, usedforsecurity=False).digest_size * 2
        made = fingerprint_circle(sources, {}, Fingerprinter(digest=digest, length=length))
        whole = {item.logical_path: item.path for item in made}
        proven.update(
            path
            for path, token in tokens.items()
            if whole[names[path]].startswith(f"{os.path.splitext(names[path])[0]}.{token}")
        )
        if len(proven) == len(tokens):
            break
    return frozenset(proven)


def _restored(
    path: str, content: bytes, names: Mapping[str, str], follower: ReferenceFollower
) -> RewriteSource:
    """Return a member as it was before the references inside of its circle were rewritten."""
    replacements = [
        (reference, target.url(names[target.logical_path]))
        for reference, target in follower.links(path, content)
        if isinstance(target, Internal) and target.logical_path in names
    ]
    before = rewrite(content, replacements)
    links = [
        Link(reference=reference, internal=target)
        for reference, target in follower.links(path, before, among=frozenset(names.values()))
        if isinstance(target, Internal)
    ]
    return RewriteSource(content=before, links=tuple(links))
