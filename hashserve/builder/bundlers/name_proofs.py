"""Proofs that a token is the digest of the file that has it in its name.

Invariant: a proof holds for these bytes under this name, whoever wrote them. Other content has another
digest, so a file that is proven never changes under its name.

webpack takes ``[contenthash]`` of the final content without the token itself ("realContentHash", on in
production); webpack's digest is MD4, and that of Rspack XXH64. Rollup and Vite take the XXH3 of an image or a
font, and esbuild its XXH64. The digests of their scripts and style sheets are of something that the output
does not have.
"""

from __future__ import annotations

import hashlib
from base64 import b32encode
from collections.abc import Callable, Iterator

from hashserve.builder.bundlers.digests import md4, xxh3_128, xxh64
from hashserve.builder.bundlers.name_tokens import NameToken

__all__ = ["is_proven"]

_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

_HASHLIB: tuple[Callable[[bytes], bytes], ...] = tuple(
    lambda content, name=name: hashlib.new(name, content, usedforsecurity=False).digest()  # type: ignore[misc]
    for name in ("md5", "sha1", "sha256", "sha512")
)


def is_proven(token: NameToken, content: bytes, *, of_bundlers: bool = False) -> bool:
    """Whether a token is the start of a digest of ``content``, which may hold the token itself.

    With ``of_bundlers``, only of those digests that no build of ours takes.
    """
    return any(text.startswith(token.text) for text in _digests(token, content, of_bundlers))


def _digests(token: NameToken, content: bytes, of_bundlers: bool) -> Iterator[str]:
    """Yield each text that the token may be the start of; the fastest to make come first."""
    if token.is_hex:
        own = content.replace(token.text.encode(), b"")
        for digest in (xxh64, md4) if of_bundlers else (*_HASHLIB, xxh64, md4):
            yield digest(own).hex()
        return
    if token.has_scheme_of_esbuild:
        yield b32encode(xxh64(content)).decode()
    if len(token.text) == 8:
        yield _as_rollup_writes(xxh3_128(content))


def _as_rollup_writes(digest: bytes) -> str:
    """Write a digest as one number in base 64, which is not what RFC 4648 calls base64."""
    number, text = int.from_bytes(digest, "big"), ""
    while number:
        number, rest = divmod(number, 64)
        text = _BASE64[rest] + text
    return text
