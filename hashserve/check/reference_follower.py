"""Where the references of a published file lead: to a fingerprinted file, to an unhashed one, or nowhere.

Invariant: references are found and resolved by the code of the build, so that both agree.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from typing import get_args

from hashserve.builder.references.finder import finder_of
from hashserve.builder.references.languages import is_page
from hashserve.builder.references.reference import Positions, Reference, ReferenceKind, TooComplexError
from hashserve.builder.references.resolver import Internal, Missing, Resolver
from hashserve.builder.sources.scanner import is_left_alone
from hashserve.builder.sources.tree import matcher_of
from hashserve.check.findings import CheckFinding, finding
from hashserve.check.manifest_index import ManifestIndex, token_in
from hashserve.fingerprint_patterns import without_fingerprint
from hashserve.settings.build import JsReferences
from hashserve.visible_text import quoted_text

__all__ = ["FollowedReferences", "ReferenceFollower"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedReferences:
    """The paths that a file refers to, and what is wrong with its references."""

    targets: frozenset[str] = frozenset()
    findings: tuple[CheckFinding, ...] = ()


class ReferenceFollower:
    """Finds and follows the references of a folder whose files are ``paths``.

    References of pages are always followed, because a page can be in a circle of files. Findings about
    them are reported only with ``html``. References of files whose logical paths match a pattern in ``left``
    are not followed, because the build leaves them as they are; by default, the manifest states the patterns.
    """

    def __init__(
        self,
        paths: Container[str],
        index: ManifestIndex,
        *,
        prefix: str | None,
        js_references: JsReferences,
        html: bool = False,
        left: Sequence[str] | None = None,
    ) -> None:
        self._paths = paths
        self._prefix = prefix
        self._resolver = Resolver(paths, prefix=prefix)
        self._index = index
        self._js_references = js_references
        self._html = html
        self._left = index.leave_references if left is None else left
        self._is_left = matcher_of(self._left)

    def with_other_settings(self) -> Iterator[ReferenceFollower]:
        """Yield a follower for each other ``js_references``, also without ``left``, for older builds."""
        for left in dict.fromkeys((self._left, ())):
            for choice in get_args(JsReferences):
                if (choice, left) != (self._js_references, self._left):
                    yield ReferenceFollower(
                        self._paths,
                        self._index,
                        prefix=self._prefix,
                        js_references=choice,
                        html=self._html,
                        left=left,
                    )

    def links(
        self, path: str, content: bytes, *, among: Container[str] | None = None
    ) -> Iterator[tuple[Reference, Internal | Missing]]:
        """Yield the references of a file that a build rewrites, with what they name.

        They are resolved among the files of the folder, or among the paths of ``among``.
        """
        find = finder_of(path, html=True)
        assert find is not None, "only scripts, style sheets and pages are searched"
        resolver = self._resolver if among is None else Resolver(among, prefix=self._prefix)
        try:
            references = find(content)
        except TooComplexError:
            return  # the build reports it, and rewrites nothing either
        for reference in references:
            resolution = resolver.resolve(reference, path)
            is_followed = not is_left_alone(reference, self._js_references)
            if is_followed and isinstance(resolution, (Internal, Missing)):
                yield reference, resolution

    def is_searched(self, path: str) -> bool:
        """Whether a file is searched for references: not the unhashed copy of a file that is searched."""
        is_copy = path in self._index.logical_paths and path not in self._index.logical
        is_left = self._is_left(self._index.logical.get(path, path))
        return not is_copy and not is_left and finder_of(path, html=True) is not None

    def follow(self, path: str, content: bytes) -> FollowedReferences:
        """Follow the references of the file at ``path``."""
        targets, findings = set(), []
        positions = Positions(content)
        for reference, resolution in self.links(path, content):
            if isinstance(resolution, Internal):
                targets.add(resolution.logical_path)
                problem = self._unhashed(path, resolution)
            else:
                problem = self._missing(path, reference, resolution)
            if problem is not None and (self._html or not is_page(path)):
                rule, message = problem
                line, column = positions.at(reference.start)
                text = f"{reference.kind.value} names {quoted_text(reference.target)}, {message}"
                written = reference.target
                findings.append(finding(rule, path, text, line=line, column=column, reference=written))
        return FollowedReferences(targets=frozenset(targets), findings=tuple(findings))

    def _is_only_in_older_releases(self, path: str) -> bool:
        """Whether only older releases list a file, whose references nobody can correct any more."""
        return path in self._index.records and path not in self._index.current_paths

    def _unhashed(self, path: str, target: Internal) -> tuple[str, str] | None:
        fingerprinted = self._index.current.get(target.logical_path, target.logical_path)
        if fingerprinted == target.logical_path or self._is_only_in_older_releases(path):
            return None
        rule = "bundler-reference" if path in self._index.kept else "reference-unhashed"
        return rule, f"which is published as {fingerprinted!r}"

    def _missing(self, path: str, reference: Reference, target: Missing) -> tuple[str, str] | None:
        logical = without_fingerprint(target.logical_path)
        if logical in self._index.logical_paths and token_in(target.logical_path, logical) is not None:
            return "reference-outdated", f"but no release has that form of {logical!r}"
        if self._is_only_in_older_releases(path):
            return None
        rule = "source-map-missing" if reference.kind is ReferenceKind.SOURCE_MAP else "reference-missing"
        return rule, f"but there is no {quoted_text(target.logical_path)}"
