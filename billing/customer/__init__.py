"""Billing Information: addresses, tax ids, contacts and the terms of service."""
