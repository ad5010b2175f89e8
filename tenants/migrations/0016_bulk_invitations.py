"""Invitations can be sent again many at once; only the choices of two columns change."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Changes no table."""

    dependencies = [
        ('tenants', '0015_audit_log'),
    ]

    operations = [
        migrations.AlterField(
            model_name='bulkaction',
            name='kind',
            field=models.CharField(choices=[('users', 'Users'), ('devices', 'Devices'), ('organizations', 'Organizations'), ('invitations', 'Invitations')], max_length=20),
        ),
        migrations.AlterField(
            model_name='bulkaction',
            name='verb',
            field=models.CharField(choices=[('remove', 'Remove'), ('suspend', 'Suspend'), ('reactivate', 'Reactivate'), ('move', 'Move'), ('set_cap', 'Set the cap'), ('tag', 'Add a tag'), ('untag', 'Remove a tag'), ('archive', 'Archive'), ('restore', 'Restore'), ('resend', 'Send again')], max_length=20),
        ),
    ]
