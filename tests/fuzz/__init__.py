"""Hostile input: a site with secrets, a harness for each parser, and the seeds that fuzzing found."""
