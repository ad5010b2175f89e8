"""Documents of invoices, credit notes and contracts (docs/decisions/0007)."""
