"""Metering, high-water marks, snapshots: one provider's schema."""
