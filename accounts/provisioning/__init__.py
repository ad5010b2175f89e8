"""How a provider's schema is created and brought to each release."""
