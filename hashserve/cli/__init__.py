"""The command line: one module for each command, and `hashserve.cli.main` that runs them."""
