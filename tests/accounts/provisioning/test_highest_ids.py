"""The highest ids of each provider are kept in public, and never fall."""

from accounts.models import HighestId, Provider
from accounts.provisioning.highest_ids import keep_highest_ids
from core.schema import provider_schema
from tenants.models import Organization


def kept(provider: Provider) -> int:
    return HighestId.objects.get(provider=provider, sequence="tenants_organization_id_seq").value


def test_the_highest_id_is_kept_and_rises(north: Provider) -> None:
    with provider_schema(north):
        first = Organization.objects.create(name="First")
    keep_highest_ids()
    assert kept(north) == first.pk

    with provider_schema(north):
        second = Organization.objects.create(name="Second")
    keep_highest_ids()
    assert kept(north) == second.pk


def test_a_sequence_set_back_does_not_lower_it(north: Provider) -> None:
    HighestId.objects.create(provider=north, sequence="tenants_organization_id_seq", value=10**9)
    with provider_schema(north):
        Organization.objects.create(name="Any")

    keep_highest_ids()

    assert kept(north) == 10**9
