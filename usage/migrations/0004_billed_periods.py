"""Count a month from the beginning of its billed period; limit free users outside of them."""

from django.db import migrations

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible; without it the free allowance, once lifted, never applies again."""

    dependencies = [("usage", "0003_active_users"), ("tenants", "0002_billed_period")]

    operations = [run_sql_beside(__file__)]
