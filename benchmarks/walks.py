"""How far one value walks through the code: functions, files, and changes of file on its way.

::

    python -m benchmarks.walks

counts two walks with `sys.setprofile`: the first request of a fingerprinted path, and a build of two
files of which one refers to the other. A call from one file into another, and the return from it, are
a change of file each. Threads are counted too.
"""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import hashserve
from hashserve import HashServe

__all__ = ["Walk", "main", "walk_of_a_build", "walk_of_a_first_request"]

PACKAGE = os.path.join(os.path.dirname(hashserve.__file__), "")


class Walk(NamedTuple):
    """Distinct functions and files of the package that were entered, and changes between files."""

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

    def walk(self) -> Walk:
        return Walk(len(self.functions), len({file for file, *_ in self.functions}), self.changes)


@contextmanager
def _recorded() -> Iterator[_Recorder]:
    recorder = _Recorder()
    threading.setprofile(recorder.record)
    sys.setprofile(recorder.record)
    try:
        yield recorder
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]


def _built(folder: Path) -> Path:
    from hashserve.builder import build

    source = folder / "source"
    source.mkdir()
    (source / "app.css").write_text("body { background: url(dot.svg) }\n" * 20)
    (source / "dot.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>\n' * 20)
    build(str(source), str(folder / "warm"))  # so that imports are not counted
    return source


def walk_of_a_build(folder: Path) -> Walk:
    """Count the walk of a build of two files into an empty folder."""
    from hashserve.builder import build

    source = _built(folder)
    with _recorded() as recorder:
        build(str(source), str(folder / "out"))
    return recorder.walk()


def walk_of_a_first_request(folder: Path) -> Walk:
    """Count the walk of the first request of a fingerprinted path."""
    _built(folder)
    application: Callable[..., object] = lambda environ, start_response: []  # noqa: E731
    server = HashServe(application, str(folder / "warm"))
    path = server.url("app.css")

    def request(path: str) -> None:
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": path,
            "HTTP_ACCEPT_ENCODING": "br",
            "SCRIPT_NAME": "",
        }
        list(server(environ, lambda status, headers: None))

    request(server.url("dot.svg"))
    with _recorded() as recorder:
        request(path)
    return recorder.walk()


def main() -> None:
    """Print both walks."""
    for name, count in (("first request", walk_of_a_first_request), ("build of two files", walk_of_a_build)):
        with tempfile.TemporaryDirectory() as folder:
            walk = count(Path(folder))
        print(f"{name}: {walk.functions} functions, {walk.files} files, {walk.changes} changes of file")


if __name__ == "__main__":
    main()
