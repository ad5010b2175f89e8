"""How values, icons and addresses are written into templates."""
