from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

# The lanes of topics that take long; all others keep the value of the column, `people`.
LANES = {
    'charges': ['billing.charge'],
    'payments': ['billing.new_card_charges', 'billing.refund', 'billing.card_settled', 'billing.stripe_event'],
    'psa': ['integrations.autotask_run', 'integrations.ticket_open', 'integrations.ticket_resolve'],
    'imports': ['tenants.import.check', 'tenants.import.apply'],
    'documents': ['billing.documents', 'billing.credit_note', 'billing.contract_document', 'billing.document_mail'],
}


def set_lanes(apps, schema_editor):
    messages = apps.get_model('outbox', 'OutboxMessage').objects.filter(finished_at=None, dead_at=None)
    for lane, topics in LANES.items():
        messages.filter(topic__in=topics).update(lane=lane)


class Migration(migrations.Migration):
    """The lanes of messages that the previous release enqueued, and the index of due messages in a lane."""

    atomic = False

    dependencies = [
        ('outbox', '0004_lane'),
    ]

    operations = [
        migrations.RunPython(set_lanes, migrations.RunPython.noop),
        AddIndexConcurrently(
            model_name='outboxmessage',
            index=models.Index(condition=models.Q(('dead_at__isnull', True), ('finished_at__isnull', True)), fields=['lane', 'due_at'], name='outbox_due_in_lane'),
        ),
    ]
