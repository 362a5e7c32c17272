"""Django: storages, middleware, template tags, settings and their checks.

Invariant: everything here is an adapter; what is decided about a file or a request is decided by the
build and by the serve core.
"""
