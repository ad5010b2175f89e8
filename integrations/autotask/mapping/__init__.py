"""Which Autotask service carries which organization's quantity."""
