"""Autotask's REST API: calls, limits, errors and the rows it returns."""
