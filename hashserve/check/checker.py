"""The check from end to end: manifest, disk, contents, and one rule after the other.

Invariant: every file is read once, on every core; the rules then only look at what was read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from hashserve.builder.chunks import read_chunks
from hashserve.builder.sources.scanner import LARGEST_READ
from hashserve.check.contents import Content, Examination, Examined, Variant, examine
from hashserve.check.disk import DiskEntry, DiskTree, is_temporary, read_tree
from hashserve.check.findings import CheckFinding, CheckReport, finding
from hashserve.check.fingerprint_proofs import is_start_of_digest, is_token_of, proven_in_unit, units
from hashserve.check.listing import Listing, listing_of, token_in
from hashserve.check.references import References
from hashserve.check.settings import CheckSettings, kind_of
from hashserve.errors import ManifestError, SettingError
from hashserve.fingerprint_patterns import fingerprint_of, without_fingerprint
from hashserve.http.codings import CODINGS, coding_of_suffix
from hashserve.manifest.files import find_manifest
from hashserve.manifest.importers import load_manifest
from hashserve.manifest.model import MANIFEST_NAME, AssetRecord, Manifest, Unhashed

__all__ = ["check"]


def check(out: str | os.PathLike[str], settings: CheckSettings | None = None) -> CheckReport:
    """Check the published folder ``out``; nothing in it is changed.

    Raises `SettingError` where there is no such folder, and `OSError` where a file vanishes
    between two looks at it.
    """
    root = os.fspath(out)
    if not os.path.isdir(root):
        raise SettingError("out", root, "is not a folder; name the one that hashserve build wrote")
    settings = settings or CheckSettings()
    findings: list[CheckFinding] = []
    found = find_manifest(root)
    place = None if found is None else os.path.relpath(found, root).replace(os.sep, "/")
    manifest = _manifest(root, found, place or MANIFEST_NAME, findings)
    listing = Listing() if manifest is None else listing_of(manifest)
    tree = read_tree(root, place, listing.logical_paths)
    checked = _read(tree, manifest, listing, settings)
    findings += [*tree.findings, *_Rules(checked, settings, place or MANIFEST_NAME).findings()]
    entries = [entry for item in checked.examined.values() for entry in item.job.entries]
    variants = sum(len(item.variants) for item in checked.examined.values())
    return CheckReport(
        out=root,
        release="" if manifest is None else manifest.release,
        releases=0 if manifest is None else 1 + len(manifest.releases),
        files=len(entries) - variants,
        variants=variants,
        size=sum(entry.size for entry in entries),
        findings=tuple(sorted(findings, key=lambda item: (item.path, item.line, item.column, item.rule))),
    )


def _manifest(root: str, found: str | None, place: str, findings: list[CheckFinding]) -> Manifest | None:
    if found is None:
        findings.append(finding("manifest-missing", place, "there is no manifest"))
        return None
    try:
        return load_manifest(found, root=root)
    except ManifestError as error:
        where = f"{error.location}: " if error.location else ""
        findings.append(finding("manifest-broken", place, f"{where}{error.problem}"))
    except OSError as error:
        findings.append(finding("manifest-broken", place, f"cannot be read: {error.strerror}"))
    return None


# Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """All that the rules look at."""

    tree: DiskTree
    manifest: Manifest | None
    listing: Listing
    references: References
    examined: Mapping[str, Examined]
    threads: int


def _read(tree: DiskTree, manifest: Manifest | None, listing: Listing, settings: CheckSettings) -> _Checked:
    prefix = settings.prefix or (None if manifest is None else manifest.prefix)
    known = tree.entries.keys() | listing.records.keys() | listing.plain
    references = References(
        known, listing, prefix=prefix, js_references=settings.js_references, html=settings.html
    )
    threads = settings.threads or os.cpu_count() or 1
    # The largest first, so that no core is left alone with one at the end.
    jobs = sorted(_jobs(tree, listing), key=lambda job: (-job.size, job.path))
    with ThreadPoolExecutor(threads) as executor:
        done = executor.map(lambda job: examine(job, references), jobs)
        examined = {item.job.path: item for item in done}
    return _Checked(
        tree=tree,
        manifest=manifest,
        listing=listing,
        references=references,
        examined={path: examined[path] for path in sorted(examined)},
        threads=threads,
    )


def _jobs(tree: DiskTree, listing: Listing) -> Iterator[Examination]:
    """Give a job for every file on disk or in a list that is not only a variant of another."""
    listed = listing.records.keys() | listing.plain | listing.logical_paths
    files = tree.entries.keys() | listed
    for path in files:
        coding = coding_of_suffix(path)
        if coding is None or path in listed or path.removesuffix(coding.suffix) not in files:
            yield Examination(path=path, entry=tree.entries.get(path), variants=_variants(path, tree))


def _variants(path: str, tree: DiskTree) -> dict[str, DiskEntry]:
    found = {name: tree.entries.get(path + coding.suffix) for name, coding in CODINGS.items()}
    return {name: entry for name, entry in found.items() if entry is not None}


# Judging


class _Rules:
    """Each method gives the findings of one rule, or of a few that exclude each other."""

    def __init__(self, checked: _Checked, settings: CheckSettings, place: str) -> None:
        self.checked = checked
        self.listing = checked.listing
        self.settings = settings
        self.place = place
        self.blamed = {item.path for item in checked.tree.findings}
        self.logical_paths = checked.listing.logical_paths
        self.current = frozenset(checked.listing.current.values())
        # Hashserve's and Django's list every file that is there; a bundler's lists its own.
        self.is_ours = place == MANIFEST_NAME and checked.manifest is not None
        self.leftovers = frozenset(self.left_over())
        # What a leftover refers to is no more in use than that is itself.
        self.referred = {
            target: path
            for path, content in self.contents()
            if path not in self.leftovers
            for target in content.referring.targets
        }

    def contents(self) -> Iterator[tuple[str, Content]]:
        """Give what was read of every file that could be."""
        for path, item in self.checked.examined.items():
            if item.content is not None and not item.content.problem:
                yield path, item.content

    def content(self, path: str) -> Content | None:
        """Give what was read of a file, None where nothing could be."""
        item = self.checked.examined.get(path)
        return None if item is None or item.content is None or item.content.problem else item.content

    def findings(self) -> Iterator[CheckFinding]:
        """Judge everything."""
        yield from self.digests_untold()
        for path, item in self.checked.examined.items():
            if item.content is not None and item.content.problem:
                yield finding("file-unreadable", path, item.content.problem)
            record = self.listing.records.get(path)
            if record is not None:
                yield from self.listed(item, record)
            elif path in self.listing.plain:
                yield from self.plain(item)
            elif item.content is not None:
                yield from self.unlisted(item)
            if record is None or record.size is None:
                yield from self.live_variants(item)
            else:
                yield from self.listed_variants(item, record)
        yield from self.fingerprints()
        yield from self.queries()
        yield from self.references()
        yield from self.oversize()
        yield from self.case()

    def digests_untold(self) -> Iterator[CheckFinding]:
        untold = sum(record.sha256 is None for record in self.listing.records.values())
        if untold:
            yield finding("manifest-without-digests", self.place, f"tells no digests of {untold} files")

    # Listed files

    def listed(self, item: Examined, record: AssetRecord) -> Iterator[CheckFinding]:
        entry = item.job.entry
        if entry is None:
            if record.path not in self.blamed:
                yield finding("file-missing", record.path, f"{self.of_release(record.path)} is not there")
        elif record.size is not None and record.size != entry.size:
            message = f"has {entry.size} bytes; the manifest says {record.size}"
            yield finding("file-changed", record.path, message)
        elif self.is_changed(record):
            yield finding("file-changed", record.path, "has another SHA-256 than the manifest says")

    def is_changed(self, record: AssetRecord) -> bool:
        content = self.content(record.path)
        return content is not None and record.sha256 is not None and content.sha256 != record.sha256

    def of_release(self, path: str) -> str:
        release = self.listing.releases.get(path)
        return "of the release in force" if path in self.current else f"of the retained release {release}"

    def plain(self, item: Examined) -> Iterator[CheckFinding]:
        if item.content is None and item.job.path not in self.blamed:
            yield finding("file-missing", item.job.path, "of the release in force is not there")

    # Files that no list has as immutable

    def unlisted(self, item: Examined) -> Iterator[CheckFinding]:
        path = item.job.path
        if path in self.logical_paths:
            yield from self.unhashed(item)
        elif is_temporary(path):
            yield finding("temporary-file", path, "looks like a copy that was left behind, and is served")
        elif not self.is_ours:
            return
        elif path in self.referred:
            message = f"no release lists it, but {self.referred[path]!r} refers to it"
            yield finding("file-unlisted", path, message)
        else:
            rule = "leftover" if path in self.leftovers else "file-unlisted"
            yield finding(rule, path, "no retained release lists it")

    def left_over(self) -> Iterator[str]:
        """Give the fingerprinted files that no release lists."""
        listed = self.listing.records.keys() | self.listing.plain | self.logical_paths
        for path, item in self.checked.examined.items():
            if self.is_ours and path not in listed and item.content is not None and self.is_leftover(item):
                yield path

    def is_leftover(self, item: Examined) -> bool:
        path = item.job.path
        coding = coding_of_suffix(path)
        source = path if coding is None else path.removesuffix(coding.suffix)
        token, logical = fingerprint_of(source), without_fingerprint(source)
        if token is None or logical is None or token_in(source, logical) is None:
            return False
        content = self.content(path)
        return logical in self.logical_paths or (
            content is not None and is_start_of_digest(token, sha256=content.sha256, md5=content.md5)
        )

    def unhashed(self, item: Examined) -> Iterator[CheckFinding]:
        """Hold an unhashed file against its fingerprinted form, if our own build made both."""
        path = item.job.path
        record = self.listing.records.get(self.listing.current.get(path, ""))
        content = self.content(path)
        if record is None or record.sha256 is None or content is None or self.is_a_variant_here(path):
            return
        if content.sha256 != record.sha256:
            if self.unhashed_is("original"):
                return  # it has no references rewritten, and variants of its own
            yield finding("unhashed-differs", path, f"holds other bytes than {record.path!r}")
        for coding in record.variants:
            if coding not in item.variants:
                variant = path + CODINGS[coding].suffix
                yield finding("unhashed-variant-missing", variant, f"is not there beside {path!r}")

    def unhashed_is(self, what: Unhashed) -> bool:
        """Whether the manifest says so of what lies under files' own names."""
        return self.checked.manifest is not None and self.checked.manifest.unhashed == what

    def is_a_variant_here(self, path: str) -> bool:
        """Whether a file of the source gave its unhashed name up to the variant of the file beside it."""
        coding = coding_of_suffix(path)
        if coding is None:
            return False
        source = self.listing.current.get(path.removesuffix(coding.suffix), "")
        record = self.listing.records.get(source)
        return record is not None and coding.name in record.variants

    # Variants

    def listed_variants(self, item: Examined, record: AssetRecord) -> Iterator[CheckFinding]:
        for coding, size in record.variants.items():
            path = record.path + CODINGS[coding].suffix
            variant = item.variants.get(coding)
            if variant is not None:
                yield from self.listed_variant(variant, size, record.sha256)
            elif path not in self.blamed:
                yield finding("variant-missing", path, f"is not there; the manifest says {size} bytes")
        for coding, variant in item.variants.items():
            if coding not in record.variants and variant.entry.path not in self.listing.logical:
                yield finding("variant-unlisted", variant.entry.path, "the manifest does not list it")

    def listed_variant(self, variant: Variant, size: int, sha256: str | None) -> Iterator[CheckFinding]:
        path = variant.entry.path
        if variant.problem:
            yield finding("variant-broken", path, variant.problem)
        elif variant.sha256 != sha256:
            yield finding("variant-differs", path, "decodes to other bytes than the manifest says")
        elif variant.entry.size != size:
            message = f"has {variant.entry.size} bytes; the manifest says {size}"
            yield finding("variant-differs", path, message)

    def live_variants(self, item: Examined) -> Iterator[CheckFinding]:
        """Hold variants to what the server asks of them where no manifest proves them."""
        content, entry = self.content(item.job.path), item.job.entry
        if content is None or entry is None:
            return
        for variant in item.variants.values():
            if variant.problem:
                yield finding("variant-stale", variant.entry.path, variant.problem)
            elif variant.sha256 != content.sha256:
                message = f"decodes to other bytes than {item.job.path!r} has"
                yield finding("variant-stale", variant.entry.path, message)
            elif variant.entry.modified < entry.modified:
                yield finding("variant-older", variant.entry.path, f"is older than {item.job.path!r}")

    # Names

    def fingerprints(self) -> Iterator[CheckFinding]:
        tokens = dict(self.tokens())
        proven = self.proven(tokens)
        records = self.listing.records.items()
        damaged = {path for path, record in records if self.content(path) is None or self.is_changed(record)}
        for path, token in tokens.items():
            copy = self.content(self.listing.logical[path])
            if path not in proven and copy is not None and not self.leads_to(path, damaged):
                yield finding("fingerprint-mismatch", path, f"{token!r} is no digest of what it holds")
        yield from self.unhashed_missing({path: tokens[path] for path in proven})

    def leads_to(self, path: str, damaged: AbstractSet[str]) -> bool:
        """Whether references lead from a file to a damaged one: a unit that both are in names neither."""
        seen, ahead = {path}, [path]
        while ahead:
            content = self.content(ahead.pop())
            targets = content.referring.targets - seen if content is not None else frozenset()
            if targets & damaged:
                return True
            seen |= targets
            ahead += targets
        return False

    def tokens(self) -> Iterator[tuple[str, str]]:
        """Give the paths that a build made, by their looks, and their tokens."""
        if not self.is_ours:
            return
        for path, record in self.listing.records.items():
            token = token_in(path, self.listing.logical.get(path, ""))
            if token is not None and self.content(path) is not None and not self.is_changed(record):
                yield path, token

    def proven(self, tokens: Mapping[str, str]) -> set[str]:
        """Give the paths whose token is that of their content, or of the unit that they are in."""
        proven = set()
        for path, token in tokens.items():
            content = self.content(path)
            if content is not None and is_start_of_digest(token, sha256=content.sha256, md5=content.md5):
                proven.add(path)
        proven |= self.proven_in_units(_without(tokens, proven), self.checked.references)
        left = _without(tokens, proven)
        with ThreadPoolExecutor(self.checked.threads) as executor:
            unusual = executor.map(lambda path: is_token_of(left[path], self.location(path)), left)
            proven |= {path for path, is_proven in zip(left, unusual, strict=True) if is_proven}
        for references in self.checked.references.otherwise:
            proven |= self.proven_in_units(_without(tokens, proven), references)
        return proven

    def location(self, path: str) -> str:
        return self.checked.tree.entries[path].location

    def proven_in_units(self, tokens: Mapping[str, str], references: References) -> set[str]:
        if not tokens:
            return set()
        unit_of = units(self.targets(references))
        proven: set[str] = set()
        for unit in {unit_of[path].members: unit_of[path] for path in tokens if path in unit_of}.values():
            wanted = {path: tokens[path] for path in unit.members if path in tokens}
            proven |= proven_in_unit(unit, wanted, self.listing.logical, references, self.read)
        return proven

    def targets(self, references: References) -> dict[str, frozenset[str]]:
        """Tell what every listed file refers to."""
        listed = {path: content for path, content in self.contents() if path in self.listing.records}
        if references is self.checked.references:
            return {path: content.referring.targets for path, content in listed.items()}
        return {
            path: references.of(path, self.read(path)).targets
            for path in listed
            if references.are_sought_in(path) and self.checked.tree.entries[path].size <= LARGEST_READ
        }

    def read(self, path: str) -> bytes:
        return b"".join(read_chunks(self.location(path)))

    def unhashed_missing(self, proven: Mapping[str, str]) -> Iterator[CheckFinding]:
        """Miss unhashed files only where others of the same make are there: they may be left out."""
        if self.unhashed_is("none"):
            return
        entries = self.checked.tree.entries
        made = {
            logical: len(proven[path]) for logical, path in self.listing.current.items() if path in proven
        }
        lengths = {length for logical, length in made.items() if logical in entries}
        for logical, length in made.items():
            if logical not in entries and logical not in self.blamed and length in lengths:
                path = self.listing.current[logical]
                yield finding("unhashed-missing", logical, f"is not there beside {path!r}")

    def queries(self) -> Iterator[CheckFinding]:
        if self.checked.manifest is None:
            return
        for logical, query in self.checked.manifest.queries.items():
            path = self.listing.current.get(logical, logical)
            content = self.content(path)
            if content is not None and not content.md5.startswith(query.partition("=")[2]):
                yield finding("query-mismatch", path, f"{query!r} is not the start of its MD5")

    # References, sizes, case

    def references(self) -> Iterator[CheckFinding]:
        for path, content in self.contents():
            if path not in self.leftovers:
                yield from content.referring.findings

    def oversize(self) -> Iterator[CheckFinding]:
        """Hold what a browser has to load against the limits: of the release in force, or of all."""
        for path, item in self.checked.examined.items():
            kind, entry = kind_of(path), item.job.entry
            if kind is None or entry is None or (self.current and path not in self.current):
                continue
            limit = self.settings.max_size(kind)
            size = min(found.size for found in item.job.entries)
            if limit is not None and size > limit:
                message = f"takes {size:,} bytes to load; {limit:,} is the limit for a {kind}"
                yield finding("oversize", path, message)

    def case(self) -> Iterator[CheckFinding]:
        folded: dict[str, str] = {}
        for path, item in self.checked.examined.items():
            if item.content is None or path in self.listing.records:
                continue
            other = folded.setdefault(path.casefold(), path)
            if other != path:
                yield finding("case-collision", path, f"differs from {other!r} in case only")


def _without(tokens: Mapping[str, str], proven: AbstractSet[str]) -> dict[str, str]:
    return {path: token for path, token in tokens.items() if path not in proven}
