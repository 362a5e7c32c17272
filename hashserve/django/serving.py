"""What a Django project serves: its folders, as its settings name them.

Invariant: static files come before whatever else the root of the site holds; in development they are
what the finders find, and no manifest says anything.
"""

from __future__ import annotations

import os

from hashserve.django import static_location
from hashserve.django.counting import new_counting_service
from hashserve.django.finders import find_file
from hashserve.django.responses import Store, copier
from hashserve.django.settings import DjangoSettings
from hashserve.serve.policy import policy_of
from hashserve.serve.preload import preload
from hashserve.serve.service import Service
from hashserve.settings.serve import ServeSettings

__all__ = ["service_of"]


def service_of(settings: DjangoSettings) -> Service[Store]:
    """Make the service of this project. Raises `SettingError` and `ManifestError`."""
    make = new_counting_service if settings.counters else Service
    serve = _serve_settings(settings)
    policy = policy_of(serve, revalidates=settings.autorefresh)
    service: Service[Store] = make(serve, copier, policy)
    site = service.site
    # The last that is added is asked first.
    if settings.root is not None:
        site.add(settings.root, "/", is_shared=settings.prefix != "/")
    static_root = static_location.static_root()
    if static_root is not None:
        is_built = not (settings.use_finders and settings.autorefresh)
        name = settings.manifest if is_built else None
        site.add(static_root, settings.prefix, name, follows_manifest=is_built)
    if settings.use_finders:
        site.add(os.sep, settings.prefix, locate=find_file, follows_manifest=False)
    if settings.preload:
        preload(site)
    return service


def _serve_settings(settings: DjangoSettings) -> ServeSettings:
    return ServeSettings(
        max_age=settings.max_age,
        expires=settings.expires,
        allow_all_origins=settings.allow_all_origins,
        nosniff=settings.nosniff,
        mimetypes=settings.mimetypes,
        charset=settings.charset,
        add_headers_function=settings.headers_hook(),
        immutable_file_test=settings.immutable_file_test,
        autorefresh=settings.autorefresh,
        on_unknown=settings.on_unknown,
        on_missing=settings.on_missing,
        index_file=settings.index_file,
        follow_symlinks=settings.follow_symlinks,
        publish_manifest=settings.publish_manifest,
        check_interval=settings.check_interval,
        body_budget=settings.body_budget,
        largest_body=settings.largest_body,
        memo_size=settings.memo_size,
    )
