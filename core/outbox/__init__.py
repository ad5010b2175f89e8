"""The outbox: every effect outside the database is stored as a row first, then carried out."""
