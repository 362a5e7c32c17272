"""HTTP as pure values: messages, codings, entity-tags, dates, preconditions, ranges, media types.

Invariant: nothing here does I/O, and nothing here knows a manifest, a folder or a gateway.
"""
