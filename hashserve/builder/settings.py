"""How a build is to be done.

Invariant: a setting that cannot mean anything is refused before anything is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

from hashserve.builder.compression.compressors import DEFAULT_CODINGS
from hashserve.builder.naming.fingerprinter import Fingerprinter
from hashserve.builder.releases.retention import DEFAULT_KEEP, DEFAULT_KEEP_DAYS, check_retention
from hashserve.builder.sources.scanner import JsReferences
from hashserve.builder.sources.tree import DEFAULT_IGNORE
from hashserve.errors import SettingError
from hashserve.http.codings import CODINGS
from hashserve.manifest.schema import unsafe_path

__all__ = ["BuildSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildSettings:
    """How a build is to be done; raises `SettingError`.

    * ``prefix``: the URL path that the output is served under, with a slash at both ends;
    * ``ignore``: patterns of file names, or of paths where they hold a slash before their end, that are
      left out;
    * ``codings``: content codings of the variants: ``br``, ``gzip``, ``zstd``;
    * ``skip_compress``: extensions of files that have no variants, instead of the usual ones;
    * ``fingerprinter``: the digest, and how much of it stands in names;
    * ``js_references``: which references in scripts are rewritten: all (``rewrite``), those that no
      import map has a say in (``import-map``), or none (``off``);
    * ``import_map``: a file to write the import map to; ``import_map_bare`` maps bare specifiers to
      the logical paths that they stand for in it;
    * ``already_hashed``: patterns of paths that another tool fingerprinted and that keep their name,
      beside those that such a tool's manifest in a source folder lists;
    * ``bundler_manifests``: such manifests that are not found there by their names, as webpack's
      ``manifest.json``;
    * ``html``: whether references in pages are rewritten too;
    * ``strict``: publish nothing if anything is found wrong;
    * ``keep``, ``keep_days``: how many releases stay served, the new one counted, and for how many
      days after they were replaced the others do;
    * ``previous``: a folder or a site that has the last release, and ``require_previous`` whether
      the build fails without it, or if it goes away meanwhile;
    * ``cache``: a folder that compressed files are kept in between builds;
    * ``wait``: for how many seconds to wait for another build into the same output.
    """

    prefix: str = "/static/"
    ignore: Sequence[str] = DEFAULT_IGNORE
    codings: Sequence[str] = DEFAULT_CODINGS
    skip_compress: Sequence[str] | None = None
    fingerprinter: Fingerprinter = field(default_factory=Fingerprinter)
    js_references: JsReferences = "rewrite"
    import_map: str | None = None
    import_map_bare: Mapping[str, str] = field(default_factory=dict)
    already_hashed: Sequence[str] = ()
    bundler_manifests: Sequence[str] = ()
    html: bool = False
    strict: bool = False
    keep: int = DEFAULT_KEEP
    keep_days: float = DEFAULT_KEEP_DAYS
    previous: str | None = None
    require_previous: bool = False
    cache: str | None = None
    wait: float = 0.0

    def __post_init__(self) -> None:
        _check_prefix(self.prefix)
        for coding in self.codings:
            if coding not in CODINGS or self.codings.count(coding) > 1:
                raise SettingError("codings", coding, f"must be among {', '.join(CODINGS)}, each once")
        _check_extensions(self.skip_compress or ())
        if self.js_references not in get_args(JsReferences):
            choices = ", ".join(get_args(JsReferences))
            raise SettingError("js_references", self.js_references, f"must be one of {choices}")
        check_retention(self.keep, self.keep_days)
        if not self.wait >= 0:  # NaN is not, either
            raise SettingError("wait", self.wait, "must be a number of seconds, 0 or more")
        if self.require_previous and self.previous is None:
            raise SettingError("require_previous", True, "needs previous: where is the last release?")
        for specifier in self.import_map_bare:
            # A browser leaves out what ends with a slash and stands for none that does (HTML, 8.1.6.2).
            if not specifier or specifier.endswith("/"):
                raise SettingError("import_map_bare", specifier, "must be a specifier of one module")
        if self.import_map_bare and self.import_map is None:
            raise SettingError("import_map_bare", list(self.import_map_bare), "needs import_map: where to?")


def _check_extensions(extensions: Sequence[str]) -> None:
    for extension in extensions:
        if not extension or extension != extension.lower().lstrip("."):
            raise SettingError("skip_compress", extension, "must be an extension such as jpg, without a dot")


def _check_prefix(prefix: str) -> None:
    if not (prefix.startswith("/") and prefix.endswith("/")) or "//" in prefix:
        raise SettingError("prefix", prefix, "must be a URL path that starts and ends with a slash")
    if prefix != "/" and unsafe_path([prefix[1:-1]]) is not None:
        raise SettingError("prefix", prefix, "must be a path as browsers send it, without .. and such")
