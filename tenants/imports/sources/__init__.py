"""What is known about the tools whose files are imported: one module of data per maker."""
