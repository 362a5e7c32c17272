"""The shop: its teas, its pages, and all that they look like."""
