"""Organizations, users and devices for a provider's own systems."""
