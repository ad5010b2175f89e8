"""Erasing the names and addresses of removed users (docs/decisions/0036)."""
