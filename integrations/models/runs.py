"""Sync runs and their checks of mapped services: rows are added, never deleted."""

from typing import ClassVar

from django.db import models
from django.db.models import Count, Q

from integrations.models.mapping import ServiceMapping


class Outcome(models.TextChoices):
    """The result of one mapped service in one run."""

    UNCHANGED = "unchanged", "Unchanged"
    CHANGED = "changed", "Changed"
    WOULD_CHANGE = "would_change", "Would change"
    WAITS = "waits", "Waits for the next month"
    KEPT = "kept", "A person's number kept"
    DRIFT = "drift", "Changed in Autotask"
    REFUSED = "refused", "Refused by Autotask"
    NEEDS_PERSON = "needs_person", "Needs a person"
    UNKNOWN = "unknown", "Outcome unknown"
    FAILED = "failed", "Could not be read"


# Autotask holds what it should.
GOOD = (Outcome.UNCHANGED, Outcome.CHANGED, Outcome.KEPT, Outcome.WAITS)
NOT_DONE = (
    Outcome.DRIFT,
    Outcome.REFUSED,
    Outcome.NEEDS_PERSON,
    Outcome.UNKNOWN,
    Outcome.FAILED,
)


class SyncRunQuerySet(models.QuerySet["SyncRun"]):
    """Queries for runs."""

    def with_counts(self) -> "SyncRunQuerySet":
        """Adds checked, changed, unchanged, would_change, other_good and not_done to each run."""

        def of(*outcomes: Outcome) -> Count:
            return Count("checks", filter=Q(checks__outcome__in=outcomes))

        return self.annotate(
            checked=Count("checks"),
            changed=of(Outcome.CHANGED),
            unchanged=of(Outcome.UNCHANGED),
            would_change=of(Outcome.WOULD_CHANGE),
            other_good=of(Outcome.KEPT, Outcome.WAITS),
            not_done=of(*NOT_DONE),
        )


class SyncRun(models.Model):
    """One sync of the mapped services, in slices until `finished_at`.

    `day` is the day of the billing zone whose snapshot it follows; there is one nightly run per
    day. `mapping` limits it to one service. `failure` is the reason why the run as a whole failed.
    A finished run is never changed (0002_append_only.sql). `services` counts the services and
    months due at its start; `worked_ms` is milliseconds at work, without the time between slices.
    """

    class Kind(models.TextChoices):
        """The reason for a run."""

        NIGHTLY = "nightly", "Nightly"
        MANUAL = "manual", "Sync now"
        PREVIEW = "preview", "Preview"

    kind = models.CharField(max_length=10, choices=Kind)
    day = models.DateField()
    mapping = models.ForeignKey(ServiceMapping, on_delete=models.PROTECT, null=True, db_index=False)
    requested_by_name = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    services = models.PositiveIntegerField(default=0)
    calls = models.PositiveIntegerField(default=0)
    worked_ms = models.PositiveIntegerField(default=0)
    slices = models.PositiveIntegerField(default=0)
    failure = models.TextField(blank=True)

    objects = SyncRunQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["day"],
                name="integrations_run_one_nightly_a_day",
                condition=models.Q(kind="nightly"),
            )
        ]
        indexes: ClassVar = [models.Index(fields=["-created_at"], name="integrations_run_newest")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.day}"

    @property
    def may_push(self) -> bool:
        """Whether it may change anything in Autotask."""
        return self.kind != self.Kind.PREVIEW


class ServiceCheck(models.Model):
    """A run's reading and result of one mapped service in one month. Never changed or deleted.

    Units are those of the month's last day. `unit_cost` is the contracted cost per unit, None where
    no contract bills the month. `price_total` is Autotask's price of the period, in its currency.
    """

    run = models.ForeignKey(
        SyncRun, on_delete=models.PROTECT, related_name="checks", db_index=False
    )
    mapping = models.ForeignKey(ServiceMapping, on_delete=models.PROTECT, related_name="checks")
    month = models.DateField()
    organization_name = models.CharField(max_length=200)
    service = models.CharField(max_length=320)
    outcome = models.CharField(max_length=20, choices=Outcome)
    reason = models.TextField(blank=True)
    units_before = models.IntegerField(null=True)
    units_desired = models.IntegerField(null=True)
    units_after = models.IntegerField(null=True)
    unit_cost = models.DecimalField(max_digits=12, decimal_places=4, null=True)
    price_total = models.DecimalField(max_digits=14, decimal_places=2, null=True)
    checked_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run", "mapping", "month"], name="integrations_check_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.organization_name} {self.month:%Y-%m}: {self.get_outcome_display()}"
