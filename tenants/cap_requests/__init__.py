"""Asking for a higher user cap, and the provider's answer."""
