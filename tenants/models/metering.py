"""The metering policy, which the counting triggers read."""

from typing import ClassVar

from django.db import models


class MeteringPolicyQuerySet(models.QuerySet["MeteringPolicy"]):
    """Queries for the one policy row of a provider."""

    def current(self) -> "MeteringPolicy":
        """The current provider's row, which is created with the schema."""
        return self.get(pk=1)


class MeteringPolicy(models.Model):
    """The one row (id 1) that the counting triggers read.

    `free_user_limit` is the allowance of each organization while the provider has neither a card
    nor an invoice agreement, None afterwards; `free_until` is when that changed. `closed_through`
    is the end of the last closed month: no event is recorded before it. `billing_time_zone` is a
    copy for SQL of the provider's zone, which never changes; Python reads
    `Provider.billing_zone()`.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    billing_time_zone = models.CharField(max_length=64)
    free_user_limit = models.PositiveIntegerField(null=True, blank=True)
    free_until = models.DateTimeField(null=True, blank=True)
    closed_through = models.DateTimeField(null=True, blank=True)

    objects = MeteringPolicyQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="tenants_meteringpolicy_one_row", condition=models.Q(id=1))
        ]

    def __str__(self) -> str:
        return f"metering in {self.billing_time_zone}"
