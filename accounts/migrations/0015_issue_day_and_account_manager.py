"""The agreed day of invoices, and the account manager that pages name (docs/decisions/0062)."""

import core.text
from django.db import migrations, models


class Migration(migrations.Migration):
    """Reversible; without it every month is closed on the 1st."""

    dependencies = [
        ('accounts', '0014_csv_options'),
    ]

    operations = [
        migrations.AddField(
            model_name='provider',
            name='account_manager_email',
            field=models.EmailField(blank=True, db_default='', default='', max_length=254),
        ),
        migrations.AddField(
            model_name='provider',
            name='account_manager_name',
            field=models.CharField(blank=True, db_default='', default='', help_text='Whom its pages name for questions about the contract; empty: support.', max_length=200, validators=[core.text.plain_text]),
        ),
        migrations.AddField(
            model_name='provider',
            name='issue_day',
            field=models.PositiveSmallIntegerField(choices=[(1, '1st'), (3, '3rd'), (4, '4th'), (5, '5th'), (6, '6th'), (7, '7th'), (8, '8th')], db_default=1, default=1, help_text='The agreed day on which a month is closed, invoiced and charged.'),
        ),
    ]
