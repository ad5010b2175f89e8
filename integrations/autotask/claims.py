"""Claims of contract services, so that two providers never overwrite each other's units.

A claim is in the directory, the mapping that it stands for in the provider's schema. A claim is
made before the mapping and released after it; what a crash leaves is put right by the next sync.
"""

import hashlib
from collections.abc import Collection
from datetime import datetime

from accounts.models import PsaServiceClaim
from accounts.providers import current_provider
from core.servers import with_directory
from integrations.autotask.api.client import Client

TAKEN = (
    "Another provider that uses the same Autotask database keeps this service. Its number is not "
    "overwritten. Map the organization to another service, or write to our support."
)


def database_of(client: Client) -> str:
    """The Autotask database of the client's user, as claims name it. Raises `AutotaskError`."""
    place = f"{client.zone.api_url} {client.customer_database}"
    return hashlib.sha256(place.encode()).hexdigest()


@with_directory()
def claim(*, database: str, services: Collection[int], now: datetime) -> set[int]:
    """Claim contract services for the current provider; return those that another one keeps."""
    provider_id = current_provider().pk
    PsaServiceClaim.objects.bulk_create(
        (
            PsaServiceClaim(
                provider_id=provider_id,
                database=database,
                contract_service_id=service,
                created_at=now,
            )
            # In one order, so that two providers never wait for each other.
            for service in sorted(services)
        ),
        ignore_conflicts=True,
    )
    claims = PsaServiceClaim.objects.filter(database=database, contract_service_id__in=services)
    return set(claims.exclude(provider=provider_id).values_list("contract_service_id", flat=True))


@with_directory()
def claim_only(*, database: str, services: Collection[int], now: datetime) -> set[int]:
    """As `claim`, and release every other claim of the current provider."""
    claims = PsaServiceClaim.objects.filter(provider=current_provider().pk)
    claims.exclude(database=database, contract_service_id__in=services).delete()
    return claim(database=database, services=services, now=now)


def release(*, services: Collection[int] | None = None) -> None:
    """Release these services of the current provider, or all of them."""
    claims = PsaServiceClaim.objects.filter(provider=current_provider().pk)
    if services is not None:
        claims = claims.filter(contract_service_id__in=services)
    claims.delete()
