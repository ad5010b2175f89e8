"""The log of what operations do is append-only, as the providers' audit logs (0073)."""

from django.db import migrations

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible; without it the log can be changed."""

    dependencies = [
        ('accounts', '0017_api_key_callers_and_psa_claims'),
        ('admin', '0003_logentry_add_action_flag_choices'),
    ]

    operations = [run_sql_beside(__file__)]
