"""A provider's administrators, its organization admins and its API key."""
