"""``python -m hashserve``: the command line, where the script ``hashserve`` is not on the path."""

from __future__ import annotations

import sys

from hashserve.cli.main import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main())
