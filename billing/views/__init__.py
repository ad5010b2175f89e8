"""Pages of billing, a module per page."""
