"""The code paths of a first request and a small build: the number of functions and files that they cross.

::

    python -m benchmarks.code_paths

`sys.setprofile` records two code paths in every thread: the first request for a fingerprinted path, and a
build of two files, one of which refers to the other. A call into another file counts as a change of file, and
so does the return from it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import hashserve
from benchmarks.start import environ_of, unused_application
from hashserve import HashServe

__all__ = ["CodePath", "main", "path_of_a_build", "path_of_a_first_request"]

PACKAGE = os.path.join(os.path.dirname(hashserve.__file__), "")


class CodePath(NamedTuple):
    """The numbers of distinct functions and files of the package, and of changes of file."""

    functions: int
    files: int
    changes: int


class _Recorder:
    def __init__(self) -> None:
        self.functions: set[tuple[str, int, str]] = set()
        self.changes = 0
        self._last = threading.local()

    def record(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if not code.co_filename.startswith(PACKAGE) or event not in ("call", "return"):
            return
        if event == "call":
            self.functions.add((code.co_filename, code.co_firstlineno, code.co_name))
            current = code.co_filename
        else:
            caller = frame.f_back
            while caller is not None and not caller.f_code.co_filename.startswith(PACKAGE):
                caller = caller.f_back
            if caller is None:
                return
            current = caller.f_code.co_filename
        last = getattr(self._last, "file", None)
        if last is not None and last != current:
            self.changes += 1
        self._last.file = current

    def code_path(self) -> CodePath:
        return CodePath(len(self.functions), len({file for file, *_ in self.functions}), self.changes)


@contextmanager
def _recorded() -> Iterator[_Recorder]:
    recorder = _Recorder()
    threading.setprofile(recorder.record)
    sys.setprofile(recorder.record)
    try:
        yield recorder
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def _built(folder: Path) -> Path:
    from hashserve.builder import build

    source = folder / "source"
    source.mkdir()
    (source / "app.css").write_text("body { background: url(dot.svg) }\n" + "p { margin: 0 }\n" * 30)
    (source / "dot.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>\n' * 20)
    build(str(source), str(folder / "warm"))  # so that imports are not counted
    return source


def path_of_a_build(folder: Path) -> CodePath:
    """Record the code path of a build of two files into an empty folder."""
    from hashserve.builder import build

    source = _built(folder)
    with _recorded() as recorder:
        build(str(source), str(folder / "out"))
    return recorder.code_path()


def path_of_a_first_request(folder: Path) -> CodePath:
    """Record the code path of the first request for a fingerprinted path."""
    _built(folder)
    server = HashServe(unused_application, str(folder / "warm"))
    path = server.url("app.css")

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> Any:
        return None

    def request(path: str) -> None:
        list(server(environ_of(path.removeprefix("/static/")), start_response))

    request(server.url("dot.svg"))
    with _recorded() as recorder:
        request(path)
    return recorder.code_path()


def main() -> None:
    """Print both code paths."""
    for name, record in (("first request", path_of_a_first_request), ("build of two files", path_of_a_build)):
        with tempfile.TemporaryDirectory() as folder:
            found = record(Path(folder))
        print(f"{name}: {found.functions} functions, {found.files} files, {found.changes} changes of file")


if __name__ == "__main__":
    main()
