"""Store what a commitment is compared with: all organizations together, or the sum of peaks."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Existing contracts compare it with all organizations together."""

    dependencies = [("billing", "0006_late_credits")]

    operations = [
        migrations.AddField(
            model_name='contract',
            name='commitment_basis',
            field=models.CharField(choices=[('all_together', 'The most of all organizations together at any instant'), ('sum_of_peaks', "The sum of each organization's own highest number")], db_default='all_together', default='all_together', help_text='Overage is what exceeds the commitment. All together: a user who moves from one organization to another is no overage. The sum: each organization counts with its own peak, at whatever time it was.', max_length=20),
        ),
    ]
