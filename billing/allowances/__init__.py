"""The allowance of monthly active users: what it is, and packs ordered to extend it."""
