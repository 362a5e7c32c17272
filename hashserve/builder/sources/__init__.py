"""The source tree: which files a build reads, and what each holds."""
