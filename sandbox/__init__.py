"""Stand-ins for the services the portal talks to, for development, demo and tests."""
