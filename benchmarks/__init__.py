"""Benchmarks: one module for each question, with a common harness and corpus.

::

    python -m benchmarks                 # all of them
    python -m benchmarks.request_cost    # what one request costs, in process
    python -m benchmarks.django_request  # what it costs inside Django
    python -m benchmarks.servers         # requests under real servers, nginx and Caddy
    python -m benchmarks.start           # what a start costs, in time, memory and system calls
    python -m benchmarks.build           # what a build costs, compared with collectstatic
    python -m benchmarks.deltas          # what a release costs a returning visitor, as deltas
    python -m benchmarks.browser         # what a browser loads, over several releases
    python -m benchmarks compare A B     # the differences between two results

Files: `corpus`, `mix`, `source_tree`, `bundled_app`. What is compared: `subjects`, `wsgi_servers`,
`file_servers`, `django_project`, `subject_application`, `page_application`. Measurement: `harness`,
`processes`, `command_cost`, `load`, `profiles`. Output: `report` (of one benchmark), `results` (of a run,
as JSON), `analysis`, `charts`, `html_report`, `comparison`, `publication` (into README and docs).

Invariant: figures are compared only within one run, pair by pair. All subjects of a case answer the same
request, and each response is checked before it is measured.
"""

from __future__ import annotations
