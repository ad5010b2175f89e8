"""Imports that are shown before they are made, syncs, and an index of living users (0051)."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Reversible; without it no import is made, and each added user reads all of the provider."""

    dependencies = [
        ("tenants", "0007_changed_providers"),
    ]

    operations = [
        migrations.AddField(
            model_name="importrun",
            name="gone",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="importrun",
            name="gone_are",
            field=models.CharField(
                blank=True,
                choices=[("remove", "Remove them"), ("suspend", "Suspend them")],
                db_default="",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="importrun",
            name="gone_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="importrun",
            name="gone_confirmed",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="importrun",
            name="left_out",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="importrun",
            name="options",
            field=models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.AddField(
            model_name="importrun",
            name="problem",
            field=models.CharField(blank=True, db_default="", max_length=500),
        ),
        migrations.AddField(
            model_name="importrun",
            name="purpose",
            field=models.CharField(
                choices=[
                    ("add", "Add and change"),
                    ("sync", "Make the organization equal to this file"),
                ],
                db_default="add",
                default="add",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="importrun",
            name="renamed",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="importrun",
            name="report",
            field=models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.AddField(
            model_name="importrun",
            name="says_state",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="importrun",
            name="unchanged",
            field=models.PositiveIntegerField(db_default=0, default=0),
        ),
        migrations.AlterField(
            model_name="importrun",
            name="state",
            field=models.CharField(
                choices=[
                    ("checking", "Being checked"),
                    ("not_readable", "Not readable"),
                    ("checked", "Waiting for confirmation"),
                    ("applying", "Being imported"),
                    ("imported", "Imported"),
                    ("nothing_imported", "Nothing imported"),
                    ("discarded", "Discarded"),
                ],
                default="checking",
                max_length=20,
            ),
        ),
        migrations.CreateModel(
            name="RememberedReading",
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
                        choices=[
                            ("users", "Users"),
                            ("devices", "Devices"),
                            ("activity", "Activity"),
                        ],
                        max_length=10,
                    ),
                ),
                ("source", models.CharField(blank=True, max_length=40)),
                ("options", models.JSONField(default=dict)),
                ("chosen_at", models.DateTimeField()),
                (
                    "organization",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="tenants.organization",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("organization", "kind", "source"),
                        name="tenants_rememberedreading_once",
                    )
                ],
            },
        ),
        migrations.AddIndex(
            "manageduser",
            models.Index(
                condition=models.Q(("removed_at", None)),
                fields=["organization", "address_key"],
                name="tenants_manageduser_living",
            ),
        ),
    ]
