"""Modules that `tests.support.peer_suites` copies into the tests of a peer.

The peers' source distributions lack what their tests import from ``tests.utils``, their files and settings.
"""

__all__: list[str] = []
