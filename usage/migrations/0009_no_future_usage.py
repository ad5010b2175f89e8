"""Refuse usage in the future, and every addition after the provider left, also of devices."""

from django.db import migrations

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible; without it a wrong clock or a mistaken statement counts usage that was not."""

    dependencies = [("usage", "0008_late_events")]

    operations = [run_sql_beside(__file__)]
