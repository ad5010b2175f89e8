"""What searches compare, and the extension that finds a part of a text (docs/decisions/0059)."""

from django.db import migrations

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible; the indexes of providers' schemas need the function and the extension."""

    dependencies = [
        ('accounts', '0015_issue_day_and_account_manager'),
    ]

    operations = [run_sql_beside(__file__)]
