"""Hostile input: a fortress with secrets beside it, harnesses for each parser, and the seeds they found."""
