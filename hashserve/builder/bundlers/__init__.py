"""Names that a bundler fingerprinted, recognised without being told where that can be proven."""
