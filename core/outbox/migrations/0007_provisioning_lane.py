from django.db import migrations, models


def set_lane(apps, schema_editor):
    """Messages of the previous release: only workers of the new lane may make schemas."""
    messages = apps.get_model('outbox', 'OutboxMessage').objects.filter(finished_at=None)
    messages.filter(topic='accounts.provision').update(lane='provisioning')


class Migration(migrations.Migration):

    dependencies = [
        ('outbox', '0006_pauses'),
    ]

    operations = [
        migrations.AlterField(
            model_name='outboxmessage',
            name='lane',
            field=models.CharField(choices=[('people', 'people'), ('imports', 'imports'), ('charges', 'charges'), ('payments', 'payments'), ('documents', 'documents'), ('psa', 'psa'), ('provisioning', 'provisioning')], db_default='people', max_length=20),
        ),
        migrations.RunPython(set_lane, migrations.RunPython.noop),
    ]
