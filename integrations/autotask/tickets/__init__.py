"""Alerts as Autotask tickets."""
