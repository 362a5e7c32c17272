"""HTTP as pure values: codings, validators, preconditions, ranges, media types, messages.

Invariant: nothing here does I/O, and nothing here knows a manifest, a folder or a gateway.
"""
