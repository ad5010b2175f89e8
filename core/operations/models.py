"""The tables of operations, of all providers and of the platform, in the public schema."""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.db import models

from core.operations.kinds import kinds


class NotSettledByHand(Exception):
    """The alert is settled already, or only by the code that raised it; nothing was changed."""


class OperationsAlertQuerySet(models.QuerySet["OperationsAlert"]):
    """Queries of operations alerts."""

    def open(self) -> Self:
        """The alerts whose cause is not settled."""
        return self.filter(settled_at=None)


class OperationsAlert(models.Model):
    """A fact that operations must know, open until it is settled.

    `schema_name` is the provider's schema, empty for the platform. A cause (kind and key within a
    schema) has one open alert; `times_seen` counts how often it was raised. `link` is the page on
    which a person acts: a path, or empty.
    """

    schema_name = models.CharField(max_length=63, blank=True)
    kind = models.CharField(max_length=60)
    key = models.CharField(max_length=200)
    summary = models.TextField()
    next_step = models.TextField()
    link = models.CharField(max_length=500, blank=True)
    opened_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    times_seen = models.PositiveIntegerField(default=1)
    mailed_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by_name = models.CharField(max_length=150, blank=True)
    settled_at = models.DateTimeField(null=True)
    settled_by_name = models.CharField(max_length=150, blank=True)
    note = models.TextField(blank=True)

    objects = OperationsAlertQuerySet.as_manager()

    class Meta:
        verbose_name = "alert"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["schema_name", "kind", "key"],
                name="operations_one_open_alert_per_cause",
                condition=models.Q(settled_at=None),
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["id"],
                name="operations_unmailed",
                condition=models.Q(mailed_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"{self.title}: {self.summary}"

    @property
    def title(self) -> str:
        """The title of its kind; the kind's name once no app registers it."""
        known = kinds().get(self.kind)
        return known.title if known else self.kind

    @property
    def is_settled_by_hand(self) -> bool:
        """Whether a person ends it with a note; also when no code raises its kind any more."""
        known = kinds().get(self.kind)
        return known is None or known.settled_by_hand

    def acknowledge(self, *, by: str, now: datetime) -> bool:
        """Record that a person looks after it; it stays open. False if it was recorded before."""
        waiting = OperationsAlert.objects.open().filter(pk=self.pk, acknowledged_at=None)
        return waiting.update(acknowledged_at=now, acknowledged_by_name=by[:150]) > 0

    def settle_by_hand(self, *, by: str, note: str, now: datetime) -> None:
        """Settle it with a person's note. Raises `NotSettledByHand`."""
        if not self.is_settled_by_hand:
            raise NotSettledByHand("It is settled as soon as its cause is gone.")
        alerts = OperationsAlert.objects.open().filter(pk=self.pk)
        if not alerts.update(settled_at=now, settled_by_name=by[:150], note=note):
            raise NotSettledByHand("It is settled already.")


class UnmatchedEvent(models.Model):
    """An authentic event of Stripe that matches no provider, or contradicts the one it names.

    Nothing was changed for it. It is settled when it arrives again and matches, or by a person.
    """

    event_id = models.CharField(max_length=255, unique=True)
    type = models.CharField(max_length=100)
    object_id = models.CharField(max_length=255)
    reason = models.CharField(max_length=200)
    received_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.type} of {self.object_id}"


class Heartbeat(models.Model):
    """The last sign of life of the beat, or of the workers of a queue ("worker:<queue>")."""

    name = models.CharField(max_length=80, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} at {self.at:%Y-%m-%d %H:%M:%S}"


class TimeTravel(models.Model):
    """A move of the portal's clock to a later instant, by whom; demos only (docs/decisions/0057).

    The last row is the clock: the portal is `ahead` of its machine. `began_at`, `reached_at` and
    `to_at` are the portal's time, `finished_at` is the machine's. One is under way at a time.
    """

    by_name = models.CharField(max_length=150)
    began_at = models.DateTimeField()
    to_at = models.DateTimeField()
    reached_at = models.DateTimeField()
    ahead = models.DurationField(default=timedelta)
    step = models.CharField(max_length=200, blank=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["finished_at"],
                name="operations_one_travel_under_way",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"{self.began_at:%-d %b %Y} to {self.to_at:%-d %b %Y}, by {self.by_name}"

    @property
    def percent(self) -> int:
        """How far it is, of the days between its ends."""
        whole = self.to_at - self.began_at
        done = min(max(self.reached_at - self.began_at, timedelta(0)), whole)
        return round(100 * done / whole) if whole else 100
