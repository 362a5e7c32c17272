"""References: the exact bytes that name another file, found, resolved and rewritten."""
