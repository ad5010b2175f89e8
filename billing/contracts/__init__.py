"""Contracts as agreed: their terms, their document, and the way they renew or end."""
