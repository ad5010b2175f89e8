"""Actions on many rows, their undo, tags, links and archived organizations (0063, 0064)."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Reversible; without it only single rows are changed, and nothing is undone."""

    dependencies = [
        ("tenants", "0011_search"),
    ]

    operations = [
        migrations.CreateModel(
            name='BulkAction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('users', 'Users'), ('devices', 'Devices'), ('organizations', 'Organizations')], max_length=20)),
                ('verb', models.CharField(choices=[('remove', 'Remove'), ('suspend', 'Suspend'), ('reactivate', 'Reactivate'), ('move', 'Move'), ('set_cap', 'Set the cap'), ('tag', 'Add a tag'), ('untag', 'Remove a tag'), ('archive', 'Archive'), ('restore', 'Restore')], max_length=20)),
                ('state', models.CharField(choices=[('chosen', 'Waiting for confirmation'), ('applying', 'In progress'), ('done', 'Done'), ('discarded', 'Discarded'), ('undoing', 'Being undone'), ('undone', 'Undone')], default='chosen', max_length=20)),
                ('options', models.JSONField(default=dict)),
                ('back_url', models.CharField(max_length=500)),
                ('chosen', models.PositiveIntegerField(default=0)),
                ('done', models.PositiveIntegerField(default=0)),
                ('failed', models.PositiveIntegerField(default=0)),
                ('started_at', models.DateTimeField()),
                ('started_by_id', models.BigIntegerField(null=True)),
                ('started_by_name', models.CharField(max_length=200)),
                ('confirmed_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('undo_until', models.DateTimeField(null=True)),
                ('undone_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='BulkItem',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveIntegerField()),
                ('subject_id', models.BigIntegerField()),
                ('organization_id', models.BigIntegerField()),
                ('outcome', models.CharField(choices=[('waiting', 'Waiting'), ('done', 'Done'), ('failed', 'Not done'), ('undone', 'Undone'), ('kept', 'Not undone')], db_default='waiting', default='waiting', max_length=10)),
                ('problem', models.CharField(blank=True, db_default='', max_length=300)),
                ('before', models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict)),
                ('version', models.CharField(blank=True, db_default='', max_length=40)),
            ],
        ),
        migrations.CreateModel(
            name='OrganizationLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('label', models.CharField(max_length=80)),
                ('url', models.URLField(max_length=500)),
            ],
        ),
        migrations.CreateModel(
            name='OrganizationTag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.CharField(max_length=40)),
                ('key', models.CharField(max_length=40)),
            ],
        ),
        migrations.AddField(
            model_name='manageduser',
            name='same_person_as',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.manageduser'),
        ),
        migrations.AddField(
            model_name='manageduser',
            name='state_version',
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name='organization',
            name='archived_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='organization',
            name='cap_version',
            field=models.PositiveIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddIndex(
            model_name='manageduser',
            index=models.Index(condition=models.Q(('same_person_as__isnull', False)), fields=['organization', 'same_person_as'], name='tenants_manageduser_restored'),
        ),
        migrations.AddField(
            model_name='bulkaction',
            name='organization',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tenants.organization'),
        ),
        migrations.AddField(
            model_name='bulkitem',
            name='action',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='items', to='tenants.bulkaction'),
        ),
        migrations.AddField(
            model_name='organizationlink',
            name='organization',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='links', to='tenants.organization'),
        ),
        migrations.AddField(
            model_name='organizationtag',
            name='organization',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='tags', to='tenants.organization'),
        ),
        migrations.AddIndex(
            model_name='bulkaction',
            index=models.Index(fields=['started_at'], name='tenants_bulkaction_started'),
        ),
        migrations.AddConstraint(
            model_name='bulkitem',
            constraint=models.UniqueConstraint(fields=('action', 'position'), name='tenants_bulkitem_once'),
        ),
        migrations.AddIndex(
            model_name='organizationtag',
            index=models.Index(fields=['organization'], name='tenants_organizationtag_of'),
        ),
        migrations.AddConstraint(
            model_name='organizationtag',
            constraint=models.UniqueConstraint(fields=('key', 'organization'), name='tenants_organizationtag_once'),
        ),
    ]
