"""The nightly sync: desired and observed quantities, pushes, drift."""
