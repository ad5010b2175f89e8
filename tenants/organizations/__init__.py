"""Organizations: created, capped, renamed, removed, and their locations."""
