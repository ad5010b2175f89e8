"""Rating: billed quantities and terms to invoice drafts and estimates."""
