"""Stripe's events: verified, stored once, and applied."""
