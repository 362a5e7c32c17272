"""The application that the servers run: the subject that the environment names.

::

    gunicorn benchmarks.subject_application:application
"""

from __future__ import annotations

from benchmarks.subjects import from_environment

__all__ = ["application"]

application = from_environment()
