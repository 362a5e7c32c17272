"""Gateways: one protocol each (WSGI, ASGI), and nothing but translation.

Invariant: what a request gets is decided by `hashserve.serve`; a gateway only reads and sends.
"""
