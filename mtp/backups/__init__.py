"""Backup and restore of one provider's schema (docs/decisions/0027)."""
