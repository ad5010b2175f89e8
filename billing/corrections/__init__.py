"""Corrections by operations; an issued invoice itself never changes (docs/decisions/0018)."""
