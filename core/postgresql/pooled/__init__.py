"""The database backend of DATABASE_POOLER=transaction: nothing lives in a session."""
