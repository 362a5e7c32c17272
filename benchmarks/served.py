"""What the servers serve: one subject, named by the environment.

::

    gunicorn benchmarks.served:application
"""

from __future__ import annotations

from benchmarks.subjects import from_environment

__all__ = ["application"]

application = from_environment()
