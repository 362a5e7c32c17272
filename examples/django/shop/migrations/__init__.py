"""The shop's tables, and the teas that it starts with."""
