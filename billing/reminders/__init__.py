"""What is mailed ahead of a day, once: a card that expires, a contract that renews or ends."""
