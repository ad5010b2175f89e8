"""Actions on many rows at once: choosing, confirming, applying and undoing (0063)."""
