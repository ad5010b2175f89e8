"""An organization that takes any number of users; some files have another one of this name."""

from collections.abc import Iterator

import pytest

from accounts.models import Provider
from core.schema import provider_schema
from tenants.models import Organization
from tests.tenants.import_files import lift_allowance


@pytest.fixture
def acme(north: Provider) -> Iterator[Organization]:
    """Acme of the provider north, whose schema is entered."""
    with provider_schema(north):
        lift_allowance()
        yield Organization.objects.create(name="Acme Nordlicht")
