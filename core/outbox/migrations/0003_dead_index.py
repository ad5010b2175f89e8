from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """The index of dead messages, built while messages are written."""

    atomic = False

    dependencies = [
        ('outbox', '0002_waiting'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='outboxmessage',
            index=models.Index(condition=models.Q(('dead_at__isnull', False), ('finished_at__isnull', True)), fields=['dead_at'], name='outbox_dead'),
        ),
    ]
