"""The library of template tags, under the name by which Django finds it."""
