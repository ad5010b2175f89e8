"""What the billing pages show."""
