"""Hostile input: a root with secrets around it, a harness for each parser, and the seeds that they found."""
