"""Pages of the integrations."""
