"""The serve side: from a manifest and a folder to responses.

Invariant: nothing here imports the build, and nothing but an adapter (``hashserve.gateways.wsgi``) knows which
protocol it is under.

Its values are named tuples, not data classes, so that a process starts sooner: a data class of five
fields takes 0.8 ms to make, a named tuple 0.14.
"""
