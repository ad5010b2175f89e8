"""Organizations, their users and devices, caps, audit log: one provider's schema."""
