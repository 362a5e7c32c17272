"""Releases: the new manifest, what is retained beside it, and what is pruned."""
