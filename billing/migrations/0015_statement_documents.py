"""PDFs of account statements, rendered by workers."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Adds a table."""

    dependencies = [
        ('billing', '0014_charge_orders'),
    ]

    operations = [
        migrations.CreateModel(
            name='StatementDocument',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('page_digest', models.CharField(max_length=64, unique=True)),
                ('content', models.BinaryField()),
                ('sha256', models.CharField(max_length=64)),
                ('rendered_at', models.DateTimeField()),
            ],
        ),
    ]
