"""What the usage pages show, read from the ledger."""
