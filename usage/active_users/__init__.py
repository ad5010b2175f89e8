"""Monthly active users: reported, counted once a month and organization, up to a limit."""
