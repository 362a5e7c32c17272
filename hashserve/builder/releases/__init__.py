"""Releases: the new one, the old ones that are retained, the previous one, and pruning."""
