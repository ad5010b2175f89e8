"""Which provider keeps the units of which service in a PSA, over all providers."""

from typing import ClassVar

from django.db import models

from accounts.models.provider import Provider


class PsaServiceClaim(models.Model):
    """The one provider that sets the units of a contract service in a PSA's database.

    Two providers may use the same database of a PSA. If both were mapped to one service, each would
    overwrite the other's number, so the first one keeps it until it is mapped no longer. `database`
    is a hash; a provider's mappings are in its own schema, and a claim without one is released by
    its next sync.
    """

    provider = models.ForeignKey(
        Provider, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    database = models.CharField(max_length=64)
    contract_service_id = models.BigIntegerField()
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["database", "contract_service_id"], name="accounts_psaclaim_one_provider"
            )
        ]
        indexes: ClassVar = [models.Index(fields=["provider"], name="accounts_psaclaim_of")]

    def __str__(self) -> str:
        return f"{self.provider_id}: service {self.contract_service_id}"
