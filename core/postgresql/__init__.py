"""The database backend of the portal: that of django-tenants, with or without a pooler."""
