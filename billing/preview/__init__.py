"""Month-end rehearsal: the close of a month worked out and shown, without any effect."""
