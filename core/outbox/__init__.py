"""Durable work: every effect outside the database is first a row here."""
