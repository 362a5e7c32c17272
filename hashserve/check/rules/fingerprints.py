"""Rules about fingerprints: the token in a name is that of the content."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor

from hashserve.builder.sources.scanner import LARGEST_READ
from hashserve.check.checked_folder import CheckedFolder
from hashserve.check.findings import CheckFinding, finding
from hashserve.check.fingerprint_proofs import circles, is_start_of_digest, is_token_of, proven_in_circle
from hashserve.check.manifest_index import token_in
from hashserve.check.reference_follower import ReferenceFollower

__all__ = ["fingerprint_findings", "proven_tokens"]


def fingerprint_findings(folder: CheckedFolder, proven: Mapping[str, str]) -> Iterator[CheckFinding]:
    """Yield the files, and the query strings, whose fingerprint is not that of the content.

    ``proven`` is the result of `proven_tokens`.
    """
    yield from _mismatches(folder, proven)
    yield from _query_mismatches(folder)


def proven_tokens(folder: CheckedFolder) -> Mapping[str, str]:
    """Return the tokens that are proven to be those of their content or of their circle, by path."""
    tokens = dict(_tokens(folder))
    proven = {path for path, token in tokens.items() if _is_usual_digest(folder, path, token)}
    proven |= _proven_in_circles(folder, _without(tokens, proven), folder.follower)
    left = _without(tokens, proven)
    with ThreadPoolExecutor(folder.threads) as executor:
        results = executor.map(lambda path: is_token_of(left[path], folder.location(path)), left)
        proven |= {path for path, is_proven in zip(left, results, strict=True) if is_proven}
    for follower in folder.follower.with_other_settings():
        proven |= _proven_in_circles(folder, _without(tokens, proven), follower)
    return {path: token for path, token in tokens.items() if path in proven}


def _tokens(folder: CheckedFolder) -> Iterator[tuple[str, str]]:
    """Yield the paths whose names look like a build's, with their tokens, if their content is as listed."""
    if not folder.lists_every_file:
        return
    for path, record in folder.index.records.items():
        token = token_in(path, folder.index.logical.get(path, ""))
        if token is not None and folder.content(path) is not None and not folder.is_changed(record):
            yield path, token


def _is_usual_digest(folder: CheckedFolder, path: str, token: str) -> bool:
    content = folder.content(path)
    return content is not None and is_start_of_digest(token, sha256=content.sha256, md5=content.md5)


def _proven_in_circles(
    folder: CheckedFolder, tokens: Mapping[str, str], follower: ReferenceFollower
) -> set[str]:
    if not tokens:
        return set()
    circle_of = circles(_targets(folder, follower))
    proven: set[str] = set()
    for circle in {circle_of[path].members: circle_of[path] for path in tokens if path in circle_of}.values():
        wanted = {path: tokens[path] for path in circle.members if path in tokens}
        proven |= proven_in_circle(circle, wanted, folder.index.logical, follower, folder.read)
    return proven


def _targets(folder: CheckedFolder, follower: ReferenceFollower) -> dict[str, frozenset[str]]:
    """Return the paths that every listed file refers to."""
    listed = {path: content for path, content in folder.contents() if path in folder.index.records}
    if follower is folder.follower:
        return {path: content.references.targets for path, content in listed.items()}
    return {
        path: follower.follow(path, folder.read(path)).targets
        for path in listed
        if follower.is_searched(path) and folder.tree.files[path].size <= LARGEST_READ
    }


def _without(tokens: Mapping[str, str], proven: AbstractSet[str]) -> dict[str, str]:
    return {path: token for path, token in tokens.items() if path not in proven}


def _mismatches(folder: CheckedFolder, proven: Mapping[str, str]) -> Iterator[CheckFinding]:
    damaged = {
        path
        for path, record in folder.index.records.items()
        if folder.content(path) is None or folder.is_changed(record)
    }
    for path, token in _tokens(folder):
        # Only a build puts a file under its logical path, too; see hashserve.check.fingerprint_proofs.
        is_built = folder.content(folder.index.logical[path]) is not None
        if path not in proven and is_built and not _leads_to(folder, path, damaged):
            message = f"no digest of its content starts with {token!r}"
            yield finding("fingerprint-mismatch", path, message)


def _leads_to(folder: CheckedFolder, path: str, damaged: AbstractSet[str]) -> bool:
    """Whether references lead from a file to a damaged one: if both are in one circle, nothing is proven."""
    seen, pending = {path}, [path]
    while pending:
        content = folder.content(pending.pop())
        targets = content.references.targets - seen if content is not None else frozenset()
        if targets & damaged:
            return True
        seen |= targets
        pending += targets
    return False


def _query_mismatches(folder: CheckedFolder) -> Iterator[CheckFinding]:
    manifest = folder.manifest.manifest
    if manifest is None:
        return
    for logical, query in manifest.queries.items():
        path = folder.index.current.get(logical, logical)
        content = folder.content(path)
        if content is not None and not content.md5.startswith(query.partition("=")[2]):
            yield finding("query-mismatch", path, f"its MD5 does not start as the query {query!r} says")
