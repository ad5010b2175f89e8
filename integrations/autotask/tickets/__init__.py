"""Tickets in Autotask for alerts."""
