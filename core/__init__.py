"""Shared code below all apps: imports none of them and knows none of their models."""
