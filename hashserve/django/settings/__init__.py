"""What a Django project sets: the dictionary ``HASHSERVE``, or else WhiteNoise's settings.

Invariant: every value passes, before it is used, the check that `HashServe` and the command line use
too. Nothing of the build is imported here, because a server does not need it.
"""

from __future__ import annotations

from hashserve.django.settings.loading import (
    SPELLINGS,
    DjangoSettings,
    given,
    load,
    problems,
    spelt_as_keys,
    twice_given,
)
from hashserve.django.settings.table import KEYS, NAME
from hashserve.django.settings.value_checks import static_prefix

__all__ = [
    "KEYS",
    "NAME",
    "SPELLINGS",
    "DjangoSettings",
    "given",
    "load",
    "problems",
    "spelt_as_keys",
    "static_prefix",
    "twice_given",
]
