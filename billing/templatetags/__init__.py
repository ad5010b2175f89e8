"""What other apps' pages show of billing."""
