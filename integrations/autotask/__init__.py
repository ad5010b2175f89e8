"""Autotask PSA: client, mapping, nightly sync, drift, tickets (facts/autotask.md)."""
