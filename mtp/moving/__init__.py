"""Moving a provider to another database server (docs/decisions/0046)."""
