"""The columns and saved views of the list of organizations (docs/decisions/0069)."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    """Reversible; choices and views are lost."""

    dependencies = [
        ('tenants', '0013_versions'),
    ]

    operations = [
        migrations.CreateModel(
            name='ChosenColumns',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user_id', models.BigIntegerField(unique=True)),
                ('columns', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), size=None)),
            ],
        ),
        migrations.CreateModel(
            name='SavedView',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('user_id', models.BigIntegerField()),
                ('name', models.CharField(max_length=60)),
                ('query', models.TextField(blank=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('user_id', 'name'), name='tenants_savedview_one_name_each')],
            },
        ),
    ]
