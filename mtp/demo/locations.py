"""Where the demo's devices stand: a head office for everyone, a second place for the larger."""

from django.db.models import F

from tenants.models import Device, Location, Organization

LARGE = 40
HEAD_OFFICE, SECOND = "Head office", ("Branch", "Warehouse", "Workshop")


def add_locations(organizations: list[Organization]) -> None:
    """Places of the living organizations, with their devices; addresses are made up."""
    sizes = {
        organization.pk: organization.device_set.filter(removed_at=None).count()
        for organization in organizations
    }
    places = []
    for number, organization in enumerate(organizations, start=1):
        if not sizes[organization.pk]:
            continue
        address = f"{12 * number} Harbour Street"
        places.append(Location(organization=organization, name=HEAD_OFFICE, address=address))
        if sizes[organization.pk] >= LARGE:
            name = SECOND[number % len(SECOND)]
            address = f"{7 * number} Mill Road"
            places.append(Location(organization=organization, name=name, address=address))
    for place in Location.objects.bulk_create(places):
        standing = Device.objects.filter(organization=place.organization, removed_at=None)
        if place.name != HEAD_OFFICE:
            standing = standing.annotate(turn=F("pk") % 3).filter(turn=0)
        standing.update(location=place)
