"""The output folder: locked, written whole, and switched to the new release in one transaction."""
