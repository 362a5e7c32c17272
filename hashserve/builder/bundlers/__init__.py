"""Names that a bundler fingerprinted: stated by those who build, or proven, or only reported."""
