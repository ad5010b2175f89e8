"""The ground of all rooms: imports nothing of ours and knows no models."""
