"""Second factors that a provider asks for, and the end of every session of a login."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0018_admin_log"),
    ]

    operations = [
        migrations.AddField(
            model_name="provider",
            name="factor_grace_days",
            field=models.PositiveSmallIntegerField(db_default=14, default=14, editable=False),
        ),
        migrations.AddField(
            model_name="provider",
            name="factor_required_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="user",
            name="sessions_ended",
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
    ]
