"""Benchmarks, each as a ratio to its floor, measured in the same run: `make bench`."""
