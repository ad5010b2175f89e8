"""Users and devices: added, removed, suspended, and refused at the cap."""
