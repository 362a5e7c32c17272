"""The command line: a module for each command, and `hashserve.cli.main`, which runs them."""
