"""SQL of integrations."""
