"""Removes the template that new schemas were copied from: they are migrated now."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [('accounts', '0002_offers')]

    operations = [
        migrations.DeleteModel(name='SchemaTemplate'),
        migrations.RunSQL(
            sql='DROP SCHEMA IF EXISTS template_provider CASCADE',
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
