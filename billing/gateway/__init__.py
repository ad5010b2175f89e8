"""The gateway to Stripe: every request of the portal and the reading of its answers."""
