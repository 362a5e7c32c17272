"""Fingerprinted names: from a file's final content, and in the order of its references."""
