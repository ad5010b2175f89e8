"""Events reported late, as a view: one definition for the close, the preview and the explanations."""

from django.db import migrations

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible."""

    dependencies = [("usage", "0007_combined_months")]

    operations = [run_sql_beside(__file__)]
