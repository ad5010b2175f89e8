"""Making an organization's users equal to a file (docs/decisions/0051)."""
