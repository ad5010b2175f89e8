"""Usage in the REST API."""
