"""What happened on one organization, newest first, from the rows that are kept anyway."""
