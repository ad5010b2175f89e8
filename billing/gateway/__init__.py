"""Stripe: every call the portal makes, and what its answers mean."""
