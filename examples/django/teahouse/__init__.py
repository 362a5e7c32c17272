"""A tea shop: a small Django project with hashserve."""
