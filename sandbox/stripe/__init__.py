"""A small stateful imitation of Stripe's API, webhooks and browser script."""
