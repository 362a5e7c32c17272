"""Benchmarks: one file a question, one harness, one corpus.

::

    python -m benchmarks                 # all of them
    python -m benchmarks.request_cost    # what one request costs, in process
    python -m benchmarks.django_request  # what it costs inside Django
    python -m benchmarks.servers         # what servers make of it, beside nginx and Caddy
    python -m benchmarks.start           # what a start costs, in time, memory and system calls
    python -m benchmarks.build           # what a build costs, beside collectstatic
    python -m benchmarks.browser         # what a browser loads, over two releases
    python -m benchmarks compare A B     # what differs between two results

What is measured on: `corpus`, `mix`, `source_tree`, `visited`. Who takes part: `subjects`, `engines`,
`django_project`. How: `harness`, `processes`, `launch`, `load`, `profiles`. What becomes of it:
`report` (of one benchmark), `results` (of a run, as JSON), `figures`, `page`, `compare`, `readme`.

Invariant: figures are only compared within one run, pair by pair; whatever is compared answers the same
request, and what it answered is checked before it is measured.
"""

from __future__ import annotations
