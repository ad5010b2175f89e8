"""Leaving: the leave date, the read-only portal, and the export of a provider's data."""
