"""The settings of a build, as `build`, ``hashserve build`` and ``collectstatic`` take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from hashserve.errors import SettingError
from hashserve.manifest.limits import MOST_DELTAS
from hashserve.settings import Settings, setting
from hashserve.settings.value_checks import (
    codings,
    duration,
    extensions,
    flag,
    folder,
    number_to,
    one_of,
    optional,
    path,
    paths,
    patterns,
    positive,
    specifiers,
    strings,
    text,
    url_path,
)

__all__ = ["DEFAULT_IGNORE", "BuildSettings", "JsReferences", "check_digest"]

DEFAULT_IGNORE = ("CVS", ".*", "*~")
"""What Django's collectstatic ignores too. ``.well-known`` at the top of a source is never ignored."""

JsReferences = Literal["rewrite", "import-map", "off"]
"""Which references in scripts are rewritten: all, those that no import map can resolve, or none."""


class BuildSettings(Settings, options=True, keys=True):
    """How a build is done."""

    prefix: str = setting(
        default="/static/",
        check=url_path,
        help="URL path that the files are served under.",
        key="",  # Django's own key PREFIX follows STATIC_URL
    )
    ignore: Sequence[str] = setting(
        default=DEFAULT_IGNORE,
        check=strings,
        help="Pattern of names, or of paths if it holds a slash, that are left out.",
        key="",  # collectstatic has its own option
        metavar="PATTERN",
    )
    follow_symlinks: bool = setting(
        default=False,
        check=flag,
        help="Also publish the targets of links that lead out of the sources.",
        key="",  # collectstatic publishes what Django's finders found
    )
    codings: Sequence[str] = setting(
        default=("br", "gzip"),
        check=codings,
        help="Content codings of the variants: br, gzip, zstd.",
        metavar="CODING,...",
    )
    skip_compress: Sequence[str] | None = setting(
        default=None,
        check=optional(extensions),
        help="Extensions of files without variants, instead of the usual ones.",
        option="",
        key="SKIP_COMPRESS_EXTENSIONS",
        is_of_whitenoise=True,
    )
    digest: str = setting(
        default="md5",
        check=text,
        help="Digest of hashlib that fingerprints are taken from.",
    )
    digest_length: int = setting(
        default=12,
        check=positive,
        help="Number of hexadecimal digits in a fingerprint.",
        metavar="N",
    )
    js_references: JsReferences = setting(
        default="rewrite",
        check=one_of("rewrite", "import-map", "off"),
        help="References in scripts that are rewritten: all (rewrite), those that no import map replaces "
        "(import-map), or none (off).",
        metavar="CHOICE",
    )
    import_map: str | None = setting(
        default=None,
        check=optional(path),
        help="File to write an import map of all modules to, with integrity.",
        key="",  # Django's template tag makes the map
        metavar="FILE",
    )
    import_map_bare: Mapping[str, str] = setting(
        default={},
        check=specifiers,
        help="Bare specifier for the import map, with the logical path of its module.",
        option="--bare",
        key="",  # Django's own key IMPORT_MAP_BARE is for the template tag
        metavar="NAME=PATH",
    )
    import_map_entries: Sequence[str] = setting(
        default=(),
        check=strings,
        help="Script, or name of --bare, that pages import; the import map has only what these import.",
        option="--import-map-entry",
        key="",  # Django's own key IMPORT_MAP_ENTRIES is for the template tag
        metavar="PATH",
    )
    already_hashed: Sequence[str] = setting(
        default=(),
        check=strings,
        help="Pattern of paths that another tool fingerprinted; they keep their names.",
        metavar="GLOB",
    )
    bundler_manifests: Sequence[str] = setting(
        default=(),
        check=paths,
        help="Manifest of a bundler that the build does not find itself; the files that it lists keep "
        "their names.",
        option="--bundler-manifest",
        metavar="FILE",
    )
    html: bool = setting(
        default=False,
        check=flag,
        help="Also rewrite references in HTML pages.",
        key="",  # Django's pages are templates
    )
    leave_references: Sequence[str] = setting(
        default=(),
        check=patterns,
        help="Pattern of paths of files whose references stay as they are, because scripts read them.",
        metavar="GLOB",
    )
    rewrite_unhashed: bool = setting(
        default=False,
        check=flag,
        help="Also rewrite references in files under their unhashed names. A page that loads a module under "
        "both names then runs it twice.",
        key="",  # Django's files under their own names are those that it collected
    )
    accept: Sequence[str] = setting(
        default=(),
        check=strings,
        help="Kind of findings to accept: all of them, or those in files whose path ends like GLOB.",
        metavar="KIND[:GLOB]",
    )
    strict: bool = setting(
        default=False,
        check=flag,
        help="Fail, and publish nothing, at any warning.",
    )
    deltas: int = setting(
        default=2,
        check=number_to(MOST_DELTAS),
        help="Number of older versions of a file that deltas are made against, for browsers that have one of "
        "them; 0 makes no deltas.",
        metavar="N",
    )
    keep: int = setting(
        default=3,
        check=positive,
        help="Number of releases that stay served, including the newest.",
        metavar="N",
    )
    keep_days: float = setting(
        default=30,
        check=duration,
        help="Days that a replaced release stays served, however many releases there are.",
        metavar="DAYS",
    )
    previous: str | None = setting(
        default=None,
        check=optional(path),
        help="Folder or URL of the last release; its files are copied if they are still needed.",
        metavar="WHERE",
    )
    require_previous: bool = setting(
        default=False,
        check=flag,
        help="Fail if the last release cannot be read.",
    )
    previous_timeout: float = setting(
        default=600,
        check=duration,
        help="Seconds that all requests to the URL of the last release may take together.",
        metavar="SECONDS",
    )
    previous_bytes: int = setting(
        default=2 * 1024**3,
        check=positive,
        help="Bytes that may be received from the URL of the last release.",
        metavar="N",
    )
    cache: str | None = setting(
        default=None,
        check=optional(folder),
        help="Folder that keeps compressed files between builds.",
        key="BUILD_CACHE",
        metavar="DIR",
    )
    wait: float = setting(
        default=0.0,
        check=duration,
        help="Seconds to wait for another build into the same folder.",
        metavar="SECONDS",
    )

    def _reconciled(self) -> Mapping[str, Any]:
        check_digest(self.digest, self.digest_length)
        if self.require_previous and self.previous is None:
            raise SettingError("require_previous", True, "needs {setting:previous} too")
        if self.import_map_bare and self.import_map is None:
            raise SettingError(
                "import_map_bare", dict(self.import_map_bare), "needs {setting:import_map} too"
            )
        if self.import_map_entries and self.import_map is None:
            raise SettingError(
                "import_map_entries", list(self.import_map_entries), "needs {setting:import_map} too"
            )
        return {}


SHORTEST_FINGERPRINT = 8
"""32 bits. With fewer, two releases may soon have different bytes under one name, which caches keep."""


def check_digest(digest: str, length: int, *, length_name: str = "digest_length") -> None:
    """Raise `SettingError` unless ``digest`` can make fingerprints of ``length`` hex digits."""
    import hashlib

    try:
        longest = hashlib.new(digest, usedforsecurity=False).digest_size * 2
    except (TypeError, ValueError):
        raise SettingError("digest", digest, 'is not a digest of hashlib; "md5" and "sha256" are') from None
    if not longest:
        raise SettingError("digest", digest, 'has no fixed length; "md5" and "sha256" have')
    if not SHORTEST_FINGERPRINT <= length <= longest:
        problem = f"must be from {SHORTEST_FINGERPRINT} to {longest}, the length of {digest}"
        raise SettingError(length_name, length, problem)


if TYPE_CHECKING:

    class BuildArguments(TypedDict, total=False):
        """The keyword arguments of `build`: the fields of `BuildSettings`."""

        prefix: str
        ignore: Sequence[str]
        follow_symlinks: bool
        codings: Sequence[str]
        skip_compress: Sequence[str] | None
        digest: str
        digest_length: int
        js_references: JsReferences
        import_map: str | None
        import_map_bare: Mapping[str, str]
        import_map_entries: Sequence[str]
        already_hashed: Sequence[str]
        bundler_manifests: Sequence[str]
        html: bool
        leave_references: Sequence[str]
        rewrite_unhashed: bool
        accept: Sequence[str]
        strict: bool
        deltas: int
        keep: int
        keep_days: float
        previous: str | None
        require_previous: bool
        previous_timeout: float
        previous_bytes: int
        cache: str | None
        wait: float
