"""Reading the audit log: which rows a person may see, and which of them they look for."""
