"""One more reason for refused lines of an import: the provider has left."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Changes no table: choices are in Python only."""

    dependencies = [
        ('tenants', '0003_nothing_added_from'),
    ]

    operations = [
        migrations.AlterField(
            model_name='refusedline',
            name='reason',
            field=models.CharField(choices=[('no_email', 'No e-mail address'), ('bad_email', 'Not an e-mail address'), ('no_serial_number', 'No serial number'), ('no_name', 'No name'), ('too_long', 'Too long'), ('unseen_characters', 'Characters that can’t be seen'), ('too_many_cells', 'More cells than columns'), ('twice_in_file', 'Twice in this file'), ('already_there', 'Already there'), ('over_cap', 'Over the user cap'), ('over_allowance', 'Over the free allowance'), ('no_user', 'No user named'), ('no_instant', 'No day or instant'), ('bad_instant', 'Not a day or instant'), ('unknown_user', 'No such user'), ('removed_user', 'Removed by then'), ('in_the_future', 'In the future'), ('before_organization', 'Before the organization was created'), ('over_threshold', 'Over the threshold of active users'), ('organization_removed', 'The organization was removed'), ('provider_left', 'The account is read-only')], max_length=30),
        ),
    ]
