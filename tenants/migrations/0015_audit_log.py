"""Who acted, from where and on which object; and the audit log is append-only (0073)."""

from django.db import migrations, models

from core.sql_migrations import run_sql_beside


class Migration(migrations.Migration):
    """Reversible; without it entries say less, and can be changed."""

    dependencies = [("tenants", "0014_list_views")]

    operations = [
        migrations.AddField(
            model_name='auditentry',
            name='actor_kind',
            field=models.CharField(blank=True, choices=[('person', 'person'), ('api_key', 'api_key'), ('operations', 'operations'), ('system', 'system')], db_default='', default='', max_length=20),
        ),
        migrations.AddField(
            model_name='auditentry',
            name='impersonated_id',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='auditentry',
            name='ip_address',
            field=models.GenericIPAddressField(null=True),
        ),
        migrations.AddField(
            model_name='auditentry',
            name='user_agent',
            field=models.CharField(blank=True, db_default='', default='', max_length=300),
        ),
        migrations.AddField(
            model_name='auditentry',
            name='request_id',
            field=models.CharField(blank=True, db_default='', default='', max_length=64),
        ),
        migrations.AddField(
            model_name='auditentry',
            name='subject_id',
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(fields=['action', '-at'], name='tenants_auditentry_action'),
        ),
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(fields=['actor_id', '-at'], name='tenants_auditentry_actor'),
        ),
        migrations.AddIndex(
            model_name='auditentry',
            index=models.Index(fields=['subject', '-at'], name='tenants_auditentry_subject'),
        ),
        run_sql_beside(__file__),
    ]
