"""The invoice preview: a month's close computed without any effect."""
