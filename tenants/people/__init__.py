"""A provider's administrators, its organizations' admins, and its API key, with their audit."""
