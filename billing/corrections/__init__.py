"""What operations correct after issue; an issued invoice itself never changes (decision 0018)."""
