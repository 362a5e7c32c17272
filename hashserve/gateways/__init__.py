"""Gateways: each translates between one protocol (WSGI, ASGI) and `hashserve.serve`.

Invariant: `hashserve.serve` decides every response; a gateway only reads and sends.
"""
