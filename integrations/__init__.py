"""PSA and other systems: one provider's schema."""
