"""The output folder: its lock, its files, and the transaction that changes it to a new release."""
