"""The serve side: from a manifest and a folder to responses.

Invariant: nothing here imports the build or knows the protocol of the server; only gateways
(``hashserve.gateways.wsgi``) know it.

Values are named tuples, not data classes, so that a process starts sooner: to define a data class of five
fields takes 0.8 ms, a named tuple 0.14.
"""
