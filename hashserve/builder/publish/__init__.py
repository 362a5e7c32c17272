"""The files of a new release, written to the output."""
