from accounts.models import Provider
from mtp.schema import provider_schema
from tenants.models import Organization
from tests.people import People


def test_two_schemas_never_share_an_id(north: Provider, south: Provider) -> None:
    ids = []
    for provider in (north, south):
        with provider_schema(provider.schema_name):
            ids.append(Organization.objects.create(name="Twin").pk)
    assert abs(ids[0] - ids[1]) >= 90_000


def test_cast(people: People) -> None:
    assert people.otto.organization_id == people.otto_organization.pk
    assert people.sofia.provider == people.south
    with provider_schema(people.north.schema_name):
        assert Organization.objects.count() == 1


def test_rolled_back(north) -> None:
    with provider_schema(north.schema_name):
        assert Organization.objects.count() == 0


def test_own(own_provider) -> None:
    with provider_schema(own_provider().schema_name):
        Organization.objects.create(name="x")


def test_portal(portal, own_provider) -> None:
    import httpx

    assert httpx.get(portal + "/accounts/login/").status_code == 200
