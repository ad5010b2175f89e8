"""Which service in the PSA carries an organization's quantity."""

from datetime import date
from typing import ClassVar

from django.db import models

from tenants.models import Organization


class ServiceMappingQuerySet(models.QuerySet["ServiceMapping"]):
    """Mappings, asked in the domain's words."""

    def living(self) -> "ServiceMappingQuerySet":
        """Those that are synced."""
        return self.filter(removed_at=None)


class ServiceMapping(models.Model):
    """An organization's company, contract and service in Autotask, as a person confirmed them.

    `contract_service_id` is the line on the contract; ids are Autotask's, names as they were then.
    `first_month` and later months are pushed, `settled_through` is the last month whose final mark
    is there. `confirmed_units` and `confirmed_unit_cost` are what was last read back and agreed:
    anything else found later was changed by a person. `kept_units` is a person's number that is
    kept in `kept_month`. A removed mapping keeps its row and its history.
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

    settled_through = models.DateField(null=True)
    confirmed_units = models.IntegerField(null=True)
    confirmed_unit_cost = models.DecimalField(max_digits=12, decimal_places=4, null=True)
    confirmed_month = models.DateField(null=True)
    kept_units = models.IntegerField(null=True)
    kept_month = models.DateField(null=True)
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

    def keeps(self, *, units: int, month: date) -> bool:
        """Whether a person decided that Autotask's number stays for this month."""
        return self.kept_month == month and self.kept_units == units
