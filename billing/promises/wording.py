"""Sentences that several promises use."""

DELIVER_AGAIN = "Select it in the list and choose Deliver again."
