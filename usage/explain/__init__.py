"""Why a month's number is what it is: the peak, its event, and who was counted."""
