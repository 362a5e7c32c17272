"""Fingerprinted names: each from a file's final content, in the order of references."""
