"""Installs the functions of usage/sql/metering.sql anew: events keep what was claimed."""

from django.db import migrations

from usage.sql import metering_functions


class Migration(migrations.Migration):
    """Not reversible: functions that know no claims would lose those that come meanwhile."""

    dependencies = [("usage", "0003_activity")]

    operations = [migrations.RunSQL(sql=metering_functions())]
