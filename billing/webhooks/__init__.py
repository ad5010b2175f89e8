"""Stripe's events: verified, kept once, and applied."""
