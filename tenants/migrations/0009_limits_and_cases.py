"""The most users of a provider (docs/decisions/0061), and the cases of its people."""

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Reversible; the cases are lost."""

    dependencies = [
        ('tenants', '0008_syncs'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='meteringpolicy',
            options={'verbose_name': 'limit of users', 'verbose_name_plural': 'limit of users'},
        ),
        migrations.AddField(
            model_name='meteringpolicy',
            name='account_limit',
            field=models.PositiveIntegerField(blank=True, help_text='Empty: no maximum. Below the present number no user is removed, and none can be added until the number falls below it.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10000000)], verbose_name='most users of all organizations together'),
        ),
        migrations.AlterField(
            model_name='refusedline',
            name='reason',
            field=models.CharField(choices=[('no_email', 'No e-mail address'), ('bad_email', 'Not an e-mail address'), ('no_serial_number', 'No serial number'), ('no_name', 'No name'), ('too_long', 'Too long'), ('unseen_characters', 'Characters that can’t be seen'), ('too_many_cells', 'More cells than columns'), ('twice_in_file', 'Twice in this file'), ('already_there', 'Already there'), ('address_taken', 'Another user has the new address'), ('over_cap', 'Over the user cap'), ('over_allowance', 'Over the free allowance'), ('over_account_limit', 'Over the maximum of users'), ('no_user', 'No user named'), ('no_instant', 'No day or instant'), ('bad_instant', 'Not a day or instant'), ('unknown_user', 'No such user'), ('removed_user', 'Removed by then'), ('in_the_future', 'In the future'), ('before_organization', 'Before the organization was created'), ('over_threshold', 'Over the threshold of active users'), ('organization_removed', 'The organization was removed'), ('provider_left', 'The account is read-only')], max_length=30),
        ),
        migrations.CreateModel(
            name='SupportCase',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('subject', models.CharField(max_length=200)),
                ('state', models.CharField(choices=[('open', 'Open'), ('answered', 'Answered'), ('closed', 'Closed')], default='open', max_length=10)),
                ('opened_at', models.DateTimeField()),
                ('opened_by_id', models.BigIntegerField(db_index=True)),
                ('opened_by_name', models.CharField(max_length=200)),
                ('opened_by_email', models.EmailField(max_length=254)),
                ('changed_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['-changed_at', '-id'], name='tenants_supportcase_recent')],
            },
        ),
        migrations.CreateModel(
            name='CaseMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('author_id', models.BigIntegerField(null=True)),
                ('author_name', models.CharField(max_length=200)),
                ('is_from_support', models.BooleanField()),
                ('text', models.TextField()),
                ('case', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='messages', to='tenants.supportcase')),
            ],
            options={
                'ordering': ['at', 'pk'],
            },
        ),
    ]
