"""What a month costs: billed quantities and terms to invoice drafts."""
