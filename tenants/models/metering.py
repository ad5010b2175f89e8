"""The metering policy, which the counting triggers read."""

from datetime import datetime
from itertools import chain
from typing import Any, ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from core.given import Given
from core.remembered import remembered

LARGEST_ACCOUNT_LIMIT = 10_000_000


class MeteringPolicyQuerySet(models.QuerySet["MeteringPolicy"]):
    """Queries for the one policy row of a provider."""

    def current(self) -> "MeteringPolicy":
        """The current provider's row, which is created with the schema."""
        return self.get(pk=1)

    def free_user_limit_at(self, instant: datetime) -> int | None:
        """The users that each organization may have free of charge; None in a billed period.

        One statement.
        """
        ((limit,),) = _free_limit().rows(instant=instant)
        return limit  # type: ignore[no-any-return] # the column's type

    def limit_changes(self) -> list[datetime | None]:
        """The instants, past and future, at which `free_user_limit_at` changes; two statements."""
        periods = BilledPeriod.objects.values_list("starts_at", "ends_at")
        return [self.current().nothing_added_from, *chain.from_iterable(periods)]


class MeteringPolicy(models.Model):
    """The one row (id 1) that the counting triggers read.

    `free_user_limit` is the allowance of each organization outside the billed periods
    (`BilledPeriod`); None: no limit since `free_until`. From `nothing_added_from`, at which the
    provider leaves, no user or device can be added. `closed_through` is the end of the last closed
    month: no event is recorded before it. `account_limit` is the most users that all organizations
    may have together, which operations set; None: no maximum. `billing_time_zone` is a copy for SQL
    of the provider's zone, which never changes; Python reads `Provider.billing_zone()`.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    billing_time_zone = models.CharField(max_length=64)
    free_user_limit = models.PositiveIntegerField(null=True, blank=True)
    free_until = models.DateTimeField(null=True, blank=True)
    nothing_added_from = models.DateTimeField(null=True, blank=True)
    closed_through = models.DateTimeField(null=True, blank=True)

    account_limit = models.PositiveIntegerField(
        null=True,
        blank=True,
        verbose_name="most users of all organizations together",
        validators=[MinValueValidator(1), MaxValueValidator(LARGEST_ACCOUNT_LIMIT)],
        help_text="Empty: no maximum. Below the present number no user is removed, and none can "
        "be added until the number falls below it.",
    )

    objects = MeteringPolicyQuerySet.as_manager()

    class Meta:
        verbose_name = "limit of users"
        verbose_name_plural = "limit of users"
        constraints: ClassVar = [
            models.CheckConstraint(name="tenants_meteringpolicy_one_row", condition=models.Q(id=1))
        ]

    def __str__(self) -> str:
        return f"metering in {self.billing_time_zone}"


class BilledPeriodQuerySet(models.QuerySet["BilledPeriod"]):
    """The billed periods of the current provider."""

    def containing(self, instant: datetime | Given) -> "BilledPeriodQuerySet":
        """The period that contains an instant; periods do not overlap."""
        return self.filter(
            models.Q(ends_at=None) | models.Q(ends_at__gt=instant), starts_at__lte=instant
        )


class BilledPeriod(models.Model):
    """The half-open period `[starts_at, ends_at)` in which usage is billed; without an end, open.

    `billing.contracts.free_allowance` derives the rows from the contracts. The counting triggers
    read them: outside a billed period the free allowance applies, and a month that contains
    `starts_at` is counted from that instant on (docs/decisions/0031).
    """

    starts_at = models.DateTimeField(unique=True)
    ends_at = models.DateTimeField(null=True, blank=True)

    objects = BilledPeriodQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="tenants_billedperiod_ends_after_start",
                condition=models.Q(ends_at=None) | models.Q(ends_at__gt=models.F("starts_at")),
            )
        ]

    def __str__(self) -> str:
        return f"billed from {self.starts_at.isoformat()}"


@remembered
def _free_limit() -> models.QuerySet[MeteringPolicy, Any]:
    instant = Given("instant", models.DateTimeField())
    return MeteringPolicy.objects.filter(pk=1).values_list(free_limit_at(instant))


def free_limit_at(instant: datetime | Given) -> models.Case:
    """`MeteringPolicyQuerySet.free_user_limit_at` as an expression of the policy's row."""
    is_billed = models.Exists(BilledPeriod.objects.containing(instant))
    return models.Case(
        models.When(nothing_added_from__lte=instant, then=0),
        models.When(is_billed, then=None),
        default="free_user_limit",
        output_field=models.IntegerField(),
    )
