"""Imports of CSV files: read, checked line by line, confirmed, added in batches."""
