"""The files below a folder: one walk for every part that lists a tree.

Invariant: the walk needs no recursion, lists every folder in the order of names, and ends even if links form
a loop.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from operator import attrgetter

__all__ = ["walk_folders"]

_Identity = tuple[int, int]
_name = attrgetter("name")


def _ignore(found: object) -> None:
    """Do nothing."""


def walk_folders(
    root: str,
    *,
    follow_links: bool = False,
    on_loop: Callable[[str], None] = _ignore,
    on_error: Callable[[OSError], None] = _ignore,
) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """Yield ``root`` and each folder below it: its path below ``root``, and its entries by name.

    The path is empty for ``root`` and ends in a slash for every other folder (``css/``), so that
    ``path + entry.name`` is the path of an entry. A folder comes before those in it. As with `os.walk`,
    callers remove entries from the list to leave their folders out.

    Links to folders are entries like files. With ``follow_links`` they are walked as folders too; ``on_loop``
    is called with the location of a link that leads back to a folder around it. ``on_error`` is called with
    the `OSError` of a folder that cannot be listed, and the walk goes on unless it raises.
    """
    waiting: list[tuple[str, str, tuple[_Identity, ...]]] = [("", root, ())]
    while waiting:
        path, location, around = waiting.pop()
        try:
            with os.scandir(location) as listed:
                entries = sorted(listed, key=_name)
            if follow_links:
                status = os.stat(location)
                identity = status.st_dev, status.st_ino
                if identity in around:
                    on_loop(location)
                    continue
                around = (*around, identity)
        except OSError as error:
            on_error(error)
            continue
        yield path, entries
        waiting += [
            (f"{path}{entry.name}/", entry.path, around)
            for entry in reversed(entries)
            if _is_folder(entry, follow_links=follow_links)
        ]


def _is_folder(entry: os.DirEntry[str], *, follow_links: bool) -> bool:
    try:
        return entry.is_dir(follow_symlinks=follow_links)
    except OSError:  # a link that leads to itself
        return False
