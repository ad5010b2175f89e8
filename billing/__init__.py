"""Billing of providers: contracts, invoices, documents, payments and dunning."""
