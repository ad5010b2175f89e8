"""A month by client: what it cost the provider, what Autotask bills for it, and why they differ."""
