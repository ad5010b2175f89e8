"""Explains a month's high-water mark: the peak, the event that made it, and who was counted."""
