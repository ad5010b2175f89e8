"""Users and devices from a CSV file: read, judged line by line, confirmed, added in batches."""
