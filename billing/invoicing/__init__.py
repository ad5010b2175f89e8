"""Invoicing: the month close, late usage, pack orders and the issue of invoices."""
