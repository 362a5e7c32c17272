"""The steps of a build, in their order, and what they hand each other.

Law: nothing is written before everything was read; no name that the release in force has changes
before everything else is done; the manifest is written last. Same input, same names, on every machine.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from hashserve.atomic import write_atomically
from hashserve.build.bringing import bring_over
from hashserve.build.cache import VariantCache
from hashserve.build.claims import claim, claims_of, is_free
from hashserve.build.compress import COMPRESSED
from hashserve.build.fingerprint import Naming
from hashserve.build.graph import Component, Fingerprinted, Source, components, fingerprint
from hashserve.build.import_map import check_bare, import_map
from hashserve.build.names import folders_of, is_in, without
from hashserve.build.output import Output, read_chunks
from hashserve.build.previous import Place, UnreachableError, place_of
from hashserve.build.references import ReferenceKind
from hashserve.build.report import BuildReport, Finding
from hashserve.build.retention import OldRelease, moment, old_releases, release_of, retained
from hashserve.build.scan import Patterns, Scanned, Scanner, source_chunks
from hashserve.build.settings import BuildSettings
from hashserve.build.source import SourceFile
from hashserve.build.variants import Published, Variants
from hashserve.codings import CODINGS, coding_of_suffix
from hashserve.digests import digest_of
from hashserve.errors import BuildError, ManifestError, SourceError
from hashserve.manifest import (
    MANIFEST_NAME,
    AssetRecord,
    Manifest,
    Release,
    Unhashed,
    format_row,
    release_id,
    unsafe_path,
)
from hashserve.paths import is_servable

__all__ = ["Progress", "Steps", "Tree"]

Progress = Callable[[str, int, int], None]
"""Called with the name of a step, how many of its files are done, and how many there are."""

_OF_OTHER_RELEASES = frozenset({"broken-manifest", "previous", "lost"})
"""Kinds of findings that are no fault of the source, and so do not fail a strict build."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """What a build takes in.

    ``where`` tells people of the place. ``kept`` has the logical path of every one of ``files`` that
    another tool fingerprinted, by its path. ``unhashed`` says what the output holds under each file's
    own name.
    """

    where: str
    files: Sequence[SourceFile]
    kept: Mapping[str, str]
    unhashed: Unhashed = "rewritten"


class Steps:
    """One build of ``tree``, step by step."""

    def __init__(
        self,
        tree: Tree,
        output: Output,
        settings: BuildSettings,
        report: BuildReport,
        on_progress: Progress,
        *,
        naming: Naming | None = None,
        patterns: Patterns | None = None,
    ) -> None:
        self.tree = tree
        self.naming = naming or settings.fingerprinter
        self.patterns = patterns
        self.output = output
        self.settings = settings
        self.report = report
        self.progress = on_progress
        self.manifest_path = output.location(MANIFEST_NAME)
        self.scanned: dict[str, Scanned] = {}
        self.staged_early: set[str] = set()
        self.place: Place | None = None
        self.now = moment()

    def run(self) -> Manifest:
        """Go through the steps; gives the manifest of the new release."""
        before = self.manifest_in_force()
        known = [item for item in (before, self.previous_manifest()) if item is not None]
        with self.variants_beside(known) as self.variants:
            scanned = self.scan()
            self.fail_if_strict()
            self.check_kept(scanned, known)
            bridge = self.make_way(before)
            published = self.publish_fingerprinted(scanned)
            unhashed = self.unhashed(published)
            sizes = self.publish_variants(published, unhashed)
        claims = claims_of(published, unhashed, sizes)
        manifest = self.make_manifest(known, published, sizes, claims)
        self.stage_unhashed(published, unhashed, sizes, claims)
        self.fail_if_strict()
        put_import_map = self.stage_import_map(published)
        self.output.publish(None if manifest == before else manifest, bridge=bridge)
        self.output.memory.save(self.output.temporary_folder)
        # Last: a map that is older than its release names files that are retained, one that is newer
        # would name some that no manifest lists.
        put_import_map()
        self.report.findings.sort(key=lambda finding: (finding.path, finding.line, finding.column))
        return manifest

    def counter(self, step: str, total: int) -> Callable[[], None]:
        """Give what tells of one more file that a step is done with."""
        done = 0

        def count() -> None:
            nonlocal done
            done += 1
            self.progress(step, done, total)

        return count

    def find(self, kind: str, path: str, message: str) -> None:
        """Report a finding about a whole file."""
        self.report.findings.append(Finding(kind=kind, path=path, message=message))

    def fail_if_strict(self) -> None:
        """Raise `BuildError` if anything was found wrong, and the settings are strict."""
        warnings = [item for item in self.report.warnings if item.kind not in _OF_OTHER_RELEASES]
        if self.settings.strict and warnings:
            listed = "\n".join(f"  {finding}" for finding in warnings)
            raise BuildError(
                self.tree.where,
                f"{len(warnings)} findings, and strict is set: nothing was published\n{listed}\n",
                "mend them, or build without strict",
            )

    # What was there before

    def manifest_in_force(self) -> Manifest | None:
        """Load the manifest that is in the output; a broken one is reported and built over."""
        try:
            return Manifest.load(self.manifest_path)
        except FileNotFoundError:
            return None
        except (OSError, ManifestError) as error:
            self.find("broken-manifest", self.manifest_path, f"is not used: {error}; its releases are lost")
            return None

    def previous_manifest(self) -> Manifest | None:
        """Load the manifest of the release that ``previous`` names; none is a warning, or a failure."""
        where = self.settings.previous
        if where is None:
            return None
        place = place_of(where, self.settings.prefix)
        try:
            manifest = place.manifest()
        except (UnreachableError, ManifestError) as error:
            if self.settings.require_previous:
                remedy = "check --previous, or build without --require-previous"
                raise BuildError(where, f"holds no previous release: {error}", remedy) from error
            self.find("previous", where, f"is not brought over: {error}")
            return None
        self.place = place
        return manifest

    # Reading

    def scan(self) -> dict[str, Scanned]:
        """Read every file; gives what each holds, by its logical path."""
        files = self.tree.files
        paths = frozenset(file.logical_path for file in files)
        self.check_names(files)
        check_bare(self.settings.import_map_bare, paths)
        scanner = Scanner(
            paths,
            self.naming,
            prefix=self.settings.prefix,
            js_references=self.settings.js_references,
            patterns=self.patterns,
            html=self.settings.html,
        )
        count = self.counter("read", len(files))
        for file in files:
            found = scanner.scan(file, whole=file.logical_path not in self.tree.kept)
            self.scanned[file.logical_path] = found
            self.begin_variants(found)
            self.report.findings.extend(found.findings)
            self.report.source_bytes += found.size
            count()
        self.report.files = len(self.scanned)
        self.check_integrity()
        return self.scanned

    def check_names(self, files: Sequence[SourceFile]) -> None:
        """Report names that a folder cannot hold, or not everywhere, before anything is written."""
        folded: dict[str, SourceFile] = {}
        folds_case = self.output.folds_case
        longest = self.output.longest_name - self.naming.growth - len(".zst")
        for file in files:
            if unsafe_path([file.logical_path]) is not None:
                raise SourceError(file.location, "has a name that no manifest can hold", "rename it")
            if not is_servable(file.logical_path):
                self.find("never-served", file.location, "has a name that no server answers for: rename it")
            if len(os.fsencode(os.path.basename(file.logical_path))) > longest:
                raise SourceError(file.location, f"has a name of over {longest} bytes", "shorten it")
            other = folded.setdefault(unicodedata.normalize("NFC", file.logical_path).casefold(), file)
            if other is not file:
                problem = f"differs from {other.location} in case or Unicode form only"
                if folds_case:
                    raise SourceError(
                        file.location, f"{problem}, and {self.output.root} cannot hold both", "rename it"
                    )
                self.find("case", file.location, f"{problem}: many systems cannot hold both")

    def check_integrity(self) -> None:
        """Report what a page states the digest of, and whose references are rewritten all the same."""
        for file in self.scanned.values():
            for link in file.links:
                target = self.scanned[link.internal.logical_path]
                if link.reference.kind is ReferenceKind.HTML_PROVEN and target.links:
                    self.find(
                        "integrity",
                        file.file.location,
                        f"has the integrity of {target.logical_path!r} as it is in the source, and the "
                        "references in that are rewritten: browsers refuse it; leave the attribute out",
                    )

    def check_kept(self, scanned: Mapping[str, Scanned], known: Sequence[Manifest]) -> None:
        """Report a file that another tool fingerprinted, and whose content changed all the same."""
        for path in self.tree.kept:
            for record in filter(None, (manifest.record(path) for manifest in known)):
                if record.sha256 not in (None, scanned[path].sha256):
                    self.find(
                        "changed-fingerprinted",
                        scanned[path].file.location,
                        "has other content than it had under this name: whoever has that keeps it",
                    )
                    break

    # Publishing

    def make_way(self, before: Manifest | None) -> Manifest | None:
        """Have the new release wait aside where it has a folder in the place of a file, or the reverse.

        Gives the manifest in force without the fingerprinted files that have to go before the new one
        can be in force, if there are such.
        """
        folders = [item for item in sorted(folders_of(self.scanned)) if self.output.has_file(item)]
        files = [path for path in self.tree.kept if self.output.has_folder(path)]
        for name in (*folders, *files):
            self.output.put_aside(name)
        for name in folders:
            self.find("lost", name, "of an older release is not served any more: it is a folder now")
        if before is None or not any(
            is_in(path, name) for name in (*folders, *files) for path in before.files
        ):
            return None
        return without(before, lambda path: any(is_in(path, name) for name in (*folders, *files)))

    def publish_fingerprinted(self, scanned: Mapping[str, Scanned]) -> dict[str, Published]:
        """Put every file under its fingerprinted name; what is referred to comes first."""
        graph = {path: [link.internal.logical_path for link in file.links] for path, file in scanned.items()}
        published: dict[str, Published] = {}
        paths: dict[str, str] = {}
        count = self.counter("publish", len(scanned))
        for component in components(graph):
            for logical_path, file in self.publish_component(component, scanned, paths):
                published[logical_path] = file
                paths[logical_path] = file.path
                count()
        return {path: published[path] for path in scanned}

    def publish_component(
        self, component: Component, scanned: Mapping[str, Scanned], paths: Mapping[str, str]
    ) -> list[tuple[str, Published]]:
        """Put the files of one component; gives each with its logical path."""
        only = scanned[component.members[0]]
        if not component.is_cyclic and not only.links:
            return [(only.logical_path, self.publish_as_it_is(only))]
        made = fingerprint(component, lambda path: _source(scanned[path]), paths, self.naming)
        self.report.rewritten_references += sum(len(scanned[path].links) for path in component.members)
        return [(item.logical_path, self.publish_rewritten(item)) for item in made]

    def publish_as_it_is(self, file: Scanned) -> Published:
        """Put a file without references, or one that another tool fingerprinted."""
        path = file.logical_path if file.logical_path in self.tree.kept else file.path
        self.output.put(path, source_chunks(file), file.sha256)
        return Published(path=path, size=file.size, sha256=file.sha256)

    def begin_variants(self, file: Scanned) -> None:
        """Have compression begin of what will be published as it is, under the name it will have."""
        if file.links and self.tree.unhashed != "original":
            return
        # Where references are rewritten, the original is published under its own name alone.
        is_own_name = bool(file.links) or file.logical_path in self.tree.kept
        path = file.logical_path if is_own_name else file.path
        content = Published(path=path, size=file.size, sha256=file.sha256)
        self.variants.begin(content, partial(source_chunks, file))

    def publish_rewritten(self, item: Fingerprinted) -> Published:
        """Put a file whose references were rewritten."""
        sha256 = digest_of([item.content])
        self.output.put(item.path, [item.content], sha256)
        published = Published(path=item.path, size=len(item.content), sha256=sha256)
        self.variants.begin(published, partial(read_chunks, self.output.location(item.path)))
        return published

    def unhashed(self, published: Mapping[str, Published]) -> dict[str, Published]:
        """Give what is to be under the own name of each file that has a fingerprinted one too."""
        if self.tree.unhashed == "none":
            return {}
        files: Mapping[str, Scanned | Published]
        files = self.scanned if self.tree.unhashed == "original" else published
        return {
            path: Published(path=path, size=file.size, sha256=file.sha256)
            for path, file in files.items()
            if published[path].path != path
        }

    def variants_beside(self, manifests: Sequence[Manifest]) -> Variants:
        """Give what makes the variants, and reuses those that ``manifests`` and the cache tell of."""
        cache = None if self.settings.cache is None else VariantCache(self.settings.cache)
        skipped = self.settings.skip_compress
        return Variants(
            self.output,
            self.report,
            self.settings.codings,
            known=manifests,
            place=self.place,
            cache=cache,
            skipped=COMPRESSED if skipped is None else frozenset(skipped),
        )

    def publish_variants(
        self, published: Mapping[str, Published], unhashed: Mapping[str, Published]
    ) -> Mapping[str, Mapping[str, int]]:
        """Put the variants of every fingerprinted file beside it; gives their sizes by SHA-256.

        And those of unhashed files that hold something else. While compression goes on, whatever has
        its variants already is staged under its own name.
        """
        files = list(published.values())
        twins: dict[str, list[tuple[Published, Published]]] = {}
        for path, file in unhashed.items():
            if file.sha256 == published[path].sha256:
                twins.setdefault(file.sha256, []).append((file, published[path]))
            elif not self.has_variants_of_its_own(path):
                files.append(file)
        count = self.counter("compress", len({file.sha256 for file in files}))

        # Beside gzip alone, which takes no time, staging would only fight for the interpreter: 10,000
        # small files took a third longer.
        has_time = any(coding != "gzip" for coding in self.settings.codings)

        def on_done(sha256: str, sizes: Mapping[str, int]) -> None:
            count()
            for file, source in twins.pop(sha256, ()) if has_time else ():
                self.stage_early(file, source, sizes)

        return self.variants.make(files, on_done)

    def stage_early(self, file: Published, source: Published, sizes: Mapping[str, int]) -> None:
        """Stage an unhashed file and its variants, unless one of their names may be somebody else's too."""
        if coding_of_suffix(file.path) is not None or self.has_variants_of_its_own(file.path):
            return
        self.output.stage(file.path, read_chunks(self.output.location(source.path)), file.sha256)
        self.stage_twins(file, source, sizes)
        self.staged_early.add(file.path)

    def stage_twins(self, file: Published, source: Published, sizes: Mapping[str, int]) -> None:
        """Stage the variants of an unhashed file that holds what its fingerprinted twin ``source`` does."""
        for coding in sizes:
            suffix = CODINGS[coding].suffix
            content = read_chunks(self.output.location(source.path + suffix))
            self.output.stage(file.path + suffix, content, file.sha256, coding, newer_than=file.path)

    def has_variants_of_its_own(self, logical_path: str) -> bool:
        """Whether the source holds a file that is named as a variant of this one."""
        return any(logical_path + coding.suffix in self.scanned for coding in CODINGS.values())

    def make_manifest(
        self,
        known: Sequence[Manifest],
        published: Mapping[str, Published],
        sizes: Mapping[str, Mapping[str, int]],
        claims: Mapping[str, str],
    ) -> Manifest:
        """Write down the new release, and those that are retained beside it."""
        settings = self.settings
        paths = {
            self.tree.kept.get(logical_path, logical_path): file.path
            for logical_path, file in published.items()
        }
        if self.tree.unhashed != "rewritten":
            paths.update((path, path) for path in self.tree.kept)  # Django's templates use that name too
        records = {
            file.path: _record(file, sizes)
            for path, file in published.items()
            if file.path != path or path in self.tree.kept  # the others have no fingerprint
        }
        self.count_variants(records)
        self.report.release = release = release_id(paths)
        candidates = [old for item in known for old in old_releases(item, self.now)]
        if len(known) > 1:
            candidates.sort(key=lambda old: -old.created)
        old_ones = retained(
            candidates, release=release, keep=settings.keep, keep_days=settings.keep_days, now=self.now
        )
        releases = self.retain(old_ones, paths, records, claims)
        return Manifest(
            paths=paths,
            files={path: format_row(record, settings.codings) for path, record in sorted(records.items())},
            codings=tuple(settings.codings),
            release=release,
            created=next((item.created for item in known if item.release == release), self.now),
            prefix=settings.prefix,
            releases=releases,
            unhashed=self.tree.unhashed,
            skipped=settings.skip_compress,
        )

    def stage_unhashed(
        self,
        published: Mapping[str, Published],
        unhashed: Mapping[str, Published],
        sizes: Mapping[str, Mapping[str, int]],
        claims: Mapping[str, str],
    ) -> None:
        """Have every file, and its variants, ready to be put under its own name too, or removed there.

        What is named as a variant that is not worth keeping may be a file of the source: that stays.
        """
        if self.tree.unhashed == "none":
            self.stage_removals(published, claims)
        for logical_path, file in unhashed.items():
            source = published[logical_path]
            is_staged = logical_path in self.staged_early
            if claims[logical_path] == claim(file.sha256) and not is_staged:
                self.output.stage(logical_path, self.content_of(logical_path, source, file), file.sha256)
            if self.tree.unhashed == "rewritten" or not self.has_variants_of_its_own(logical_path):
                self.stage_variants(file, source, sizes, claims)
            self.check_variant_name(logical_path, source, published)
        self.output.keep(claims)

    def stage_variants(
        self,
        file: Published,
        source: Published,
        sizes: Mapping[str, Mapping[str, int]],
        claims: Mapping[str, str],
    ) -> None:
        """Have the variants of an unhashed file ready; ``source`` is its fingerprinted twin."""
        made = sizes.get(file.sha256, {})
        # One that holds something else than its twin has variants that were made for it.
        if file.sha256 == source.sha256 and file.path not in self.staged_early:
            self.stage_twins(file, source, made)
        for coding in CODINGS.values():
            if coding.name not in made and file.path + coding.suffix not in claims:
                self.output.stage_removal(file.path + coding.suffix)

    def stage_removals(self, published: Mapping[str, Published], claims: Mapping[str, str]) -> None:
        """Have files that have a fingerprinted name, and their variants, removed under their own."""
        for logical_path, file in published.items():
            if file.path != logical_path:
                for suffix in ("", *(coding.suffix for coding in CODINGS.values())):
                    if logical_path + suffix not in claims:
                        self.output.stage_removal(logical_path + suffix)

    def content_of(self, logical_path: str, source: Published, file: Published) -> Iterator[bytes]:
        """Read what an unhashed file is to hold: from its fingerprinted twin, or from the source."""
        if file.sha256 == source.sha256:
            return read_chunks(self.output.location(source.path))
        return source_chunks(self.scanned[logical_path])

    def check_variant_name(
        self, logical_path: str, file: Published, published: Mapping[str, Published]
    ) -> None:
        """Report a source file that is named as a variant of another, and is none."""
        coding = coding_of_suffix(logical_path)
        source = None if coding is None else published.get(logical_path[: -len(coding.suffix)])
        if coding is None or source is None:
            return
        if self.output.digest(file.path, coding.name) != source.sha256:
            self.find(
                "variant-name",
                self.scanned[logical_path].file.location,
                f"is named as the {coding.name} variant of {source.path} and does not decode to it: "
                "only its fingerprinted URL serves it",
            )

    def stage_import_map(self, published: Mapping[str, Published]) -> Callable[[], None]:
        """Write the import map beside its place; gives what puts it there."""
        location = self.settings.import_map
        if location is None:
            return lambda: None
        text = import_map(published, self.settings.import_map_bare, self.settings.prefix).encode()
        waiting = f"{location}.new"
        if os.path.exists(location) and not os.path.isfile(location):
            raise BuildError(location, "is not a regular file", "choose another name for the import map")
        try:
            if _has(location, text):
                return lambda: None
            write_atomically(waiting, [text])
        except OSError as error:
            raise BuildError(location, f"cannot be written: {error.strerror}", "check its folder") from error
        return lambda: os.replace(waiting, location)

    def count_variants(self, records: Mapping[str, AssetRecord]) -> None:
        """Count the bytes of all variants, and of what they are variants of."""
        for record in records.values():
            for coding, size in record.variants.items():
                self.report.coded_bytes[coding] += size
                self.report.coded_source_bytes[coding] += record.size or 0

    def retain(
        self,
        old_ones: Sequence[OldRelease],
        paths: Mapping[str, str],
        records: dict[str, AssetRecord],
        claims: Mapping[str, str],
    ) -> tuple[Release, ...]:
        """Bring over what old releases need, add it to ``records``, and write the releases."""
        needed: dict[str, AssetRecord] = {}
        folders = folders_of(claims)
        reported = {finding.path for finding in self.report.findings if finding.kind == "lost"}
        for old in old_ones:
            for path in old.records:
                if path in records or path in needed or path in reported:
                    continue
                record = old.records[path]
                if is_free(record, claims, folders):
                    needed[path] = record
                else:
                    reported.add(path)
                    self.find("lost", path, "of a retained release is not served any more: its name is taken")
        whole, findings = bring_over(
            list(needed.values()), self.output, self.place, self.counter("retain", len(needed))
        )
        self.report.findings.extend(findings)
        if findings and self.settings.require_previous:
            self.check_place()
        records.update(whole)
        self.report.retained_releases = len(old_ones)
        self.report.retained_files = len(whole)
        return tuple(release_of(old, paths, records) for old in old_ones)

    def check_place(self) -> None:
        """Raise `BuildError` if files are missing because the previous release went away meanwhile."""
        if self.place is None:
            return
        try:
            self.place.manifest()
        except (UnreachableError, ManifestError) as error:
            raise BuildError(
                self.settings.previous or "",
                f"went away while its files were brought over: {error}",
                "build again once it is back, or without --require-previous",
            ) from error


def _source(file: Scanned) -> Source:
    content = b"".join(source_chunks(file))
    return Source(content=content, links=tuple(file.links))


def _record(file: Published, sizes: Mapping[str, Mapping[str, int]]) -> AssetRecord:
    return AssetRecord(
        path=file.path, size=file.size, sha256=file.sha256, variants=sizes.get(file.sha256, {})
    )


def _has(location: str, content: bytes) -> bool:
    try:
        with open(location, "rb") as stream:
            return stream.read() == content
    except FileNotFoundError:
        return False
