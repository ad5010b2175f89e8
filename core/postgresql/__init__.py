"""The database backend of the portal: that of django-tenants, without connection poolers."""
