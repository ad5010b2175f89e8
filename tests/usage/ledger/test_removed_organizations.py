"""A removed organization has no users and gets none: it is no longer billed."""

from tenants.models import Organization
from tests.usage.counting import add, add_devices, at, refused, remove


def test_a_removed_organization_gets_no_users(acme: Organization) -> None:
    Organization.objects.filter(pk=acme.pk).update(removed_at=at("2026-10-03"))
    for adding in (add, add_devices):
        with refused("MT003"):
            adding(acme, at("2026-10-04"))


def test_an_organization_with_users_or_devices_is_not_removed(acme: Organization) -> None:
    users = add(acme, at("2026-10-03"))
    with refused("MT003"):
        Organization.objects.filter(pk=acme.pk).update(removed_at=at("2026-10-04"))
    remove(users, at("2026-10-05"))
    Organization.objects.filter(pk=acme.pk).update(removed_at=at("2026-10-06"))
