"""A closed month worked out anew from its events and contracts, and compared with what is kept."""
