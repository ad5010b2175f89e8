"""The statement of a month by client: charge, Autotask's price, and why quantities differ."""
