"""Django: storages, middleware, template tags, settings and their checks.

Invariant: everything here is an adapter. The build and the serve core decide about files and requests.
"""
