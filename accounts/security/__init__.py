"""Second factors and passkeys, sessions, confirmations: allauth with the portal's rules."""
