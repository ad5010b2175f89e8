"""Pages about organizations: the provider's view of them, and their own."""
