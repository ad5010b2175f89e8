"""The list of organizations as a table of figures, with columns that each person chooses."""
