"""Variants: compressed once for each content, and reused where they are proven."""
