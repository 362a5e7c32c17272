"""Benchmarks: one file a question, one harness, one corpus.

::

    python -m benchmarks                 # all of them
    python -m benchmarks.request_cost    # what one request costs, in process
    python -m benchmarks.start           # what a start costs, in time, memory and system calls
    python -m benchmarks.build           # what a build costs, beside collectstatic

Law: figures are only compared within one run, pair by pair; whatever is compared answers the same
request, and what it answered is checked before it is measured.
"""

from __future__ import annotations
