"""The demo's locations: a head office for each organization, a second one for the larger."""

from django.db.models import F

from tenants.models import Device, Location, Organization

LARGE_FROM = 40
HEAD_OFFICE, SECOND = "Head office", ("Branch", "Warehouse", "Workshop")


def add_locations(organizations: list[Organization]) -> None:
    """Create locations with invented addresses and put the organizations' devices there."""
    sizes = {
        organization.pk: organization.device_set.filter(removed_at=None).count()
        for organization in organizations
    }
    locations = []
    for number, organization in enumerate(organizations, start=1):
        if not sizes[organization.pk]:
            continue
        address = f"{12 * number} Harbour Street"
        locations.append(Location(organization=organization, name=HEAD_OFFICE, address=address))
        if sizes[organization.pk] >= LARGE_FROM:
            name = SECOND[number % len(SECOND)]
            address = f"{7 * number} Mill Road"
            locations.append(Location(organization=organization, name=name, address=address))
    for location in Location.objects.bulk_create(locations):
        devices = Device.objects.filter(organization=location.organization, removed_at=None)
        if location.name != HEAD_OFFICE:
            devices = devices.annotate(remainder=F("pk") % 3).filter(remainder=0)
        devices.update(location=location)
