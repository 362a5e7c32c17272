"""Benchmarks: one module for each question, with a common harness and corpus.

::

    python -m benchmarks                 # all of them
    python -m benchmarks.request_cost    # what one request costs, in process
    python -m benchmarks.django_request  # what it costs inside Django
    python -m benchmarks.servers         # requests under real servers, nginx and Caddy
    python -m benchmarks.start           # what a start costs, in time, memory and system calls
    python -m benchmarks.build           # what a build costs, and collectstatic
    python -m benchmarks.browser         # what a browser loads, over two releases
    python -m benchmarks compare A B     # the differences between two results

Input: `corpus`, `mix`, `source_tree`, `visited`. Subjects: `subjects`, `engines`, `django_project`.
Measuring: `harness`, `processes`, `launch`, `load`, `profiles`. Output: `report` (of one benchmark),
`results` (of a run, as JSON), `figures`, `page`, `compare`, `readme`.

Invariant: figures are only compared within one run, pair by pair. Compared subjects answer the same
request, and their responses are checked before the measurement.
"""

from __future__ import annotations
