"""Autotask PSA: client, mapping, nightly sync, drift, tickets (docs/facts/autotask.md)."""
