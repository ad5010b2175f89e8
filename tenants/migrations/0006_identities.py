"""Keys by which addresses and names are compared, and other addresses of a user (decision 0049)."""

from collections import defaultdict

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from core.addresses import address_key
from core.names import name_key

# These addresses are their own key in lower case; the others are read by the rule, in Python.
PLAIN = r"^[A-Za-z0-9!#$%&*+/=?^_{|}~.@-]*[A-Za-z0-9!#$%&*+/=?^_{|}~@-]$"
FILL_PLAIN = """
    UPDATE tenants_manageduser SET address_key = lower(email)
    WHERE erased_at IS NULL AND email ~ %s AND email !~* 'xn--'
"""
# All living users of an address but the first, if one of them has no external id.
MARK_DOUBLES = """
    UPDATE tenants_manageduser u SET is_double = true
    FROM (SELECT id, row_number() OVER (
              PARTITION BY organization_id, address_key, external_id ORDER BY id) AS position
          FROM tenants_manageduser WHERE removed_at IS NULL) p
    WHERE p.id = u.id AND p.position > 1
"""
ROWS_AT_ONCE = 2_000


def fill_keys(apps, schema_editor):
    """Fill every key. Doubles by the new rule are kept, and marked so that no index refuses them."""
    user = apps.get_model("tenants", "ManagedUser")
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(FILL_PLAIN, [PLAIN])
    rest = user.objects.filter(address_key="", erased_at=None).only("id", "email")
    batch = []
    for row in rest.iterator(chunk_size=ROWS_AT_ONCE):
        row.address_key = address_key(row.email)
        batch.append(row)
    user.objects.bulk_update(batch, ["address_key"], batch_size=ROWS_AT_ONCE)
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(MARK_DOUBLES)
    organization = apps.get_model("tenants", "Organization")
    of_key = defaultdict(list)
    for row in organization.objects.order_by("id").only("id", "name", "removed_at"):
        row.name_key = name_key(row.name)
        if row.removed_at is None:
            of_key[row.name_key].append(row.pk)
            if of_key[row.name_key][0] != row.pk:
                row.name_key = f"{row.name_key} #{row.pk}"
        row.save(update_fields=["name_key"])


class Migration(migrations.Migration):
    """Reversible while no address or name is a double by the former rule."""

    dependencies = [("tenants", "0005_erasure")]

    operations = [
        migrations.AlterField("manageduser", "email", models.CharField(max_length=254)),
        migrations.AddField(
            "manageduser",
            "address_key",
            models.TextField(blank=True, db_default="", editable=False),
        ),
        migrations.AddField(
            "manageduser",
            "is_double",
            models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            "organization",
            "name_key",
            models.TextField(blank=True, db_default="", editable=False),
        ),
        migrations.AddField(
            "importrun", "changed", models.PositiveIntegerField(db_default=0, default=0)
        ),
        migrations.CreateModel(
            name="UserAlias",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("address", "E-mail"), ("external_id", "External ID")],
                        max_length=20,
                    ),
                ),
                ("text", models.CharField(max_length=254)),
                ("key", models.TextField()),
                (
                    "since",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.organization",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="aliases",
                        to="tenants.manageduser",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["organization", "kind", "key"], name="tenants_useralias_key"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "kind", "key"), name="tenants_useralias_once"
                    )
                ],
            },
        ),
        migrations.AlterField(
            "refusedline",
            "reason",
            models.CharField(
                choices=[
                    ("no_email", "No e-mail address"),
                    ("bad_email", "Not an e-mail address"),
                    ("no_serial_number", "No serial number"),
                    ("no_name", "No name"),
                    ("too_long", "Too long"),
                    ("unseen_characters", "Characters that can’t be seen"),
                    ("too_many_cells", "More cells than columns"),
                    ("twice_in_file", "Twice in this file"),
                    ("already_there", "Already there"),
                    ("address_taken", "Another user has the new address"),
                    ("over_cap", "Over the user cap"),
                    ("over_allowance", "Over the free allowance"),
                    ("no_user", "No user named"),
                    ("no_instant", "No day or instant"),
                    ("bad_instant", "Not a day or instant"),
                    ("unknown_user", "No such user"),
                    ("removed_user", "Removed by then"),
                    ("in_the_future", "In the future"),
                    ("before_organization", "Before the organization was created"),
                    ("over_threshold", "Over the threshold of active users"),
                    ("organization_removed", "The organization was removed"),
                    ("provider_left", "The account is read-only"),
                ],
                max_length=30,
            ),
        ),
        migrations.RunPython(fill_keys, migrations.RunPython.noop),
        migrations.RemoveConstraint("manageduser", "tenants_manageduser_one_email"),
        migrations.RemoveConstraint("organization", "tenants_organization_one_name"),
        migrations.AddConstraint(
            "manageduser",
            models.UniqueConstraint(
                condition=models.Q(("is_double", False), ("removed_at", None)),
                fields=("organization", "address_key", "external_id"),
                name="tenants_manageduser_one_identity",
                nulls_distinct=False,
                violation_error_message="This organization already has a user with this e-mail.",
            ),
        ),
        migrations.AddConstraint(
            "organization",
            models.UniqueConstraint(
                condition=models.Q(("removed_at", None)),
                fields=("name_key",),
                name="tenants_organization_one_name_key",
                violation_error_message="You already have an organization of this name.",
            ),
        ),
    ]
