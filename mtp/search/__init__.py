"""One search over organizations, users, devices, invoices, pages and actions."""
