"""Mapping of organizations to Autotask services."""
