"""A shop for tea: a small Django project whose static files hashserve names, keeps and serves."""
