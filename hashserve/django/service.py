"""The service of a Django project: its folders, as its settings name them.

Invariant: a static file comes before a file of the same URL at the root of the site. In development static
files come from the finders, and the manifest is ignored.
"""

from __future__ import annotations

import os

from hashserve.django.counting import new_counting_service
from hashserve.django.finders import find_file
from hashserve.django.responses import Store, copier
from hashserve.django.settings import DjangoSettings
from hashserve.django.static_location import static_root
from hashserve.serve.policy import policy_of
from hashserve.serve.preload import preload
from hashserve.serve.service import Service

__all__ = ["service_of"]


def service_of(settings: DjangoSettings) -> Service[Store]:
    """Make the service of this project. Raises `SettingError` and `ManifestError`."""
    own, serve = settings.own, settings.serve.replace(add_headers_function=settings.headers_hook())
    make = new_counting_service if serve.counters else Service
    # With DEBUG, browsers must ask each time whether a file has changed.
    service: Service[Store] = make(serve, copier, policy_of(serve, revalidates=settings.revalidates))
    site = service.site
    # The folder that is added last is searched first.
    if own.root is not None:
        site.add(own.root, "/", is_shared=own.prefix != "/")
    folder = static_root()
    if folder is not None:
        is_built = not (own.use_finders and settings.revalidates)
        manifest = own.manifest if is_built else None
        site.add(folder, own.prefix, manifest, follows_manifest=is_built)
    if own.use_finders:
        site.add(os.sep, own.prefix, locate=find_file, follows_manifest=False)
    if serve.preload:
        preload(site)
    return service
