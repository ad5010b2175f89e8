"""Store which late activity a close could adjust, so that its adjustments are verified exactly."""

from django.db import migrations, models

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Adds a column to month closes, and fills it for those that were issued."""

    dependencies = [
        ("billing", "0009_announced_transfers"),
        ("usage", "0003_active_users"),
    ]

    operations = [
        migrations.AddField(
            model_name="monthclose",
            name="last_late_activity_id",
            field=models.BigIntegerField(null=True),
        ),
        run_sql_beside(__file__),
    ]
