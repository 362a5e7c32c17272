"""Where the references of a published file lead: to a file, to an unhashed one, or nowhere.

Invariant: what counts as a reference, and what it names, the build's own lexers and resolver say.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from typing import get_args

from hashserve.builder.references.finder import finder_of
from hashserve.builder.references.languages import is_page
from hashserve.builder.references.reference import Reference, ReferenceKind
from hashserve.builder.references.resolver import Internal, Missing, Resolver
from hashserve.builder.sources.scanner import JsReferences, is_left_alone
from hashserve.check.findings import CheckFinding, finding
from hashserve.check.listing import Listing, token_in
from hashserve.fingerprint_patterns import without_fingerprint

__all__ = ["References", "Referring"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Referring:
    """What a file refers to: paths of the folder, and what is wrong with its references."""

    targets: frozenset[str] = frozenset()
    findings: tuple[CheckFinding, ...] = ()


class References:
    """Finds and follows the references of a folder whose files are ``paths``.

    Those in pages are followed in any case, since a unit may have a page in it; what is wrong with
    them is told with ``html`` alone.
    """

    def __init__(
        self,
        paths: Container[str],
        listing: Listing,
        *,
        prefix: str | None,
        js_references: JsReferences,
        html: bool = False,
    ) -> None:
        self._paths = paths
        self._prefix = prefix
        self._resolver = Resolver(paths, prefix=prefix)
        self._listing = listing
        self._js_references = js_references
        self._html = html
        self._logical_paths = listing.logical_paths
        self._current = frozenset(listing.current.values())

    @property
    def otherwise(self) -> Iterator[References]:
        """Give the same with each other choice of ``js_references``: an older release may have had it."""
        for choice in get_args(JsReferences):
            if choice != self._js_references:
                yield References(
                    self._paths, self._listing, prefix=self._prefix, js_references=choice, html=self._html
                )

    def links(
        self, path: str, content: bytes, *, among: Container[str] | None = None
    ) -> Iterator[tuple[Reference, Internal | Missing]]:
        """Give the references of a file that a build takes for its own, with what they name.

        That is ``among`` other files than those of the folder, if it is given.
        """
        find = finder_of(path, html=True)
        assert find is not None, "only scripts, style sheets and pages are looked into"
        resolver = self._resolver if among is None else Resolver(among, prefix=self._prefix)
        for reference in find(content):
            resolution = resolver.resolve(reference, path)
            is_followed = not is_left_alone(reference, self._js_references)
            if is_followed and isinstance(resolution, (Internal, Missing)):
                yield reference, resolution

    def are_sought_in(self, path: str) -> bool:
        """Whether to look into a file; not if it is the unhashed copy of one that is looked into."""
        is_copy = path in self._logical_paths and path not in self._listing.logical
        return not is_copy and finder_of(path, html=True) is not None

    def of(self, path: str, content: bytes) -> Referring:
        """Follow the references of the file at ``path``."""
        targets, findings = set(), []
        for reference, resolution in self.links(path, content):
            if isinstance(resolution, Internal):
                targets.add(resolution.logical_path)
                problem = self._unhashed(path, resolution)
            else:
                problem = self._missing(path, reference, resolution)
            if problem is not None and (self._html or not is_page(path)):
                rule, message = problem
                line, column = reference.position(content)
                text = f"{reference.kind.value} names {reference.target!r}, {message}"
                findings.append(finding(rule, path, text, line=line, column=column))
        return Referring(targets=frozenset(targets), findings=tuple(findings))

    def _is_of_the_past(self, path: str) -> bool:
        """Whether only older releases have a file: what its build reported then is past mending."""
        return path in self._listing.records and path not in self._current

    def _unhashed(self, path: str, target: Internal) -> tuple[str, str] | None:
        fingerprinted = self._listing.current.get(target.logical_path, target.logical_path)
        if fingerprinted == target.logical_path or self._is_of_the_past(path):
            return None
        return "reference-unhashed", f"which is published as {fingerprinted!r}"

    def _missing(self, path: str, reference: Reference, target: Missing) -> tuple[str, str] | None:
        logical = without_fingerprint(target.logical_path)
        if logical in self._logical_paths and token_in(target.logical_path, logical) is not None:
            return "reference-outdated", f"but no release has that form of {logical!r}"
        if self._is_of_the_past(path):
            return None
        rule = "source-map-missing" if reference.kind is ReferenceKind.SOURCE_MAP else "reference-missing"
        return rule, f"but there is no {target.logical_path!r}"
