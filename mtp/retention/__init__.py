"""Retention: how long rows are kept, and the nightly prune."""
