"""What the counting triggers read besides the rows that they count."""

from typing import ClassVar

from django.db import models


class MeteringPolicyQuerySet(models.QuerySet["MeteringPolicy"]):
    """The policy row of the current provider."""

    def current(self) -> "MeteringPolicy":
        """The one row; every provider's schema has it from its first moment."""
        return self.get(pk=1)


class MeteringPolicy(models.Model):
    """The one row the counting triggers read (id 1).

    `free_user_limit` is the allowance of each organization while there is neither a card nor an
    invoice agreement, None once there is; `free_until` is when that came. `closed_through` is the
    end of the last closed month: no event is ever recorded before it. `billing_time_zone` is a copy
    for SQL, written once with the schema: the source is the provider, whose zone never changes.
    Python reads `Provider.billing_zone()`.
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
