"""Installs the triggers that count monthly active users (usage/sql/active_users.sql)."""

from django.db import migrations

from usage.sql import statement


class Migration(migrations.Migration):
    """Reversible."""

    dependencies = [("usage", "0004_late_events"), ("tenants", "0002_alerts")]

    operations = [
        migrations.RunSQL(
            sql=statement("active_users"), reverse_sql=statement("active_users_reverse")
        ),
    ]
