"""What the servers serve: one subject, named by the environment; and the two servers without a command.

::

    gunicorn benchmarks.served:application
    python -m benchmarks.served bjoern 8000
"""

from __future__ import annotations

import sys

from benchmarks.subjects import from_environment

__all__ = ["application"]

application = from_environment()


def main(server: str, port: int) -> None:
    """Serve with bjoern or fastpysgi until the process is ended."""
    if server == "bjoern":
        import bjoern

        bjoern.run(application, "127.0.0.1", port)
    else:
        import fastpysgi

        fastpysgi.run(application, host="127.0.0.1", port=port)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
