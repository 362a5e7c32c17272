"""The shop: its teas, its pages and their static files."""
