"""Pages about usage: the provider's, and an organization's own."""
