"""References: the bytes of a file that name another file. They are found, resolved and rewritten."""
