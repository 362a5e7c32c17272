"""Fingerprinted names in one of Django's caches: their encoding, reading, publishing and following.

Invariant: whatever happens to the cache, a page gets right names or unhashed ones, and no error.
"""
