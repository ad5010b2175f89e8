"""Contracts, invoices, charging, documents: one provider's schema."""
