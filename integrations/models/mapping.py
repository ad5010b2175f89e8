"""Mapping of organizations to services in the PSA."""

from datetime import date
from typing import ClassVar

from django.db import models

from tenants.models import Organization


class ServiceMappingQuerySet(models.QuerySet["ServiceMapping"]):
    """Queries for mappings."""

    def living(self) -> "ServiceMappingQuerySet":
        """Mappings that were not removed: the synced ones."""
        return self.filter(removed_at=None)


class ServiceMapping(models.Model):
    """An organization's company, contract and service in Autotask, as a person confirmed them.

    `contract_service_id` is the line on the contract. Ids are Autotask's; names are those of the
    day of mapping. Units are pushed for `first_month` and later; `synced_through` is the last ended
    month that is complete in Autotask. `confirmed_units` and `confirmed_unit_cost` were read back
    last: other figures in Autotask are a person's edit. In `accepted_month` a person decided to
    keep Autotask's `accepted_units`. A removed mapping keeps its row and its history.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT)
    company_id = models.BigIntegerField()
    company_name = models.CharField(max_length=100)
    contract_id = models.BigIntegerField()
    contract_name = models.CharField(max_length=100)
    service_id = models.BigIntegerField()
    service_name = models.CharField(max_length=100)
    contract_service_id = models.BigIntegerField()
    non_billable_users = models.PositiveIntegerField(default=0)
    first_month = models.DateField()
    created_at = models.DateTimeField()
    created_by_name = models.CharField(max_length=200)
    removed_at = models.DateTimeField(null=True)
    removed_by_name = models.CharField(max_length=200, blank=True)

    synced_through = models.DateField(null=True)
    confirmed_units = models.IntegerField(null=True)
    confirmed_unit_cost = models.DecimalField(max_digits=12, decimal_places=4, null=True)
    confirmed_month = models.DateField(null=True)
    accepted_units = models.IntegerField(null=True)
    accepted_month = models.DateField(null=True)
    last_checked_at = models.DateTimeField(null=True)
    last_outcome = models.CharField(max_length=20, blank=True)
    last_reason = models.TextField(blank=True)

    objects = ServiceMappingQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["organization"],
                name="integrations_mapping_one_per_organization",
                condition=models.Q(removed_at=None),
                violation_error_message="This organization is mapped already.",
            ),
            models.UniqueConstraint(
                fields=["contract_service_id"],
                name="integrations_mapping_one_per_service",
                condition=models.Q(removed_at=None),
                violation_error_message="Another organization is mapped to this service already.",
            ),
            models.CheckConstraint(
                name="integrations_mapping_starts_on_a_first",
                condition=models.Q(first_month__day=1),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} → {self.company_name}, {self.service_name}"

    @property
    def service_path(self) -> str:
        """Company, contract and service, as pages and the audit log name them."""
        return f"{self.company_name}, {self.contract_name}, {self.service_name}"

    def is_accepted(self, *, units: int, month: date) -> bool:
        """Whether a person decided to keep these units in Autotask for the month."""
        return self.accepted_month == month and self.accepted_units == units
