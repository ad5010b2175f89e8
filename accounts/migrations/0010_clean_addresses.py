"""Addresses of logins and invitations, as `core.addresses.clean_address` reads them (decision 0049)."""

from django.db import migrations

from core.addresses import NotAnAddress, clean_address


def clean(apps, schema_editor):
    """Clean each address; one whose clean form another row has stays as it is."""
    for name in ("User", "Invitation"):
        model = apps.get_model("accounts", name)
        # Plain addresses in lower case are clean.
        for row in model.objects.exclude(email__regex=r"^[a-z0-9._+-]+@[a-z0-9.-]+$").union(
            model.objects.filter(email__contains="xn--")
        ):
            try:
                email = clean_address(row.email)
            except NotAnAddress:
                continue
            if email != row.email and not model.objects.filter(email=email).exists():
                model.objects.filter(pk=row.pk).update(email=email)


class Migration(migrations.Migration):
    """Nothing is to be undone: the clean address is the same mailbox."""

    dependencies = [("accounts", "0009_former_stripe_customers")]

    operations = [migrations.RunPython(clean, migrations.RunPython.noop)]
