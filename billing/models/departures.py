"""Departures of the provider, and exports of its data."""

from typing import ClassVar

from django.db import models


class Departure(models.Model):
    """A leave date that was set, by the provider's Owner or by operations; at most one is current.

    The account is read-only from `leaves_at` and closed from `closes_at` on; `day` is the local
    first day without use. The public row of the provider has copies of both instants. A departure
    can be cancelled before `leaves_at`.
    """

    day = models.DateField(help_text="The first day on which the account is read-only.")
    leaves_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    reason = models.CharField(max_length=500, blank=True)
    made_by_id = models.BigIntegerField(null=True)
    made_by_name = models.CharField(max_length=200)
    made_at = models.DateTimeField()
    cancelled_by_name = models.CharField(max_length=200, blank=True)
    cancelled_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                models.Value(1),
                name="billing_departure_one_current",
                condition=models.Q(cancelled_at=None),
            ),
            models.CheckConstraint(
                name="billing_departure_closes_after_it_leaves",
                condition=models.Q(closes_at__gt=models.F("leaves_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"departure on {self.day}"


class DataExport(models.Model):
    """A ZIP file of the provider's data, built by a worker; kept until `expires_at`.

    `done` of `steps` parts are written; `size` and `sha256` are set when it is finished.
    """

    requested_by_id = models.BigIntegerField(null=True)
    requested_by_name = models.CharField(max_length=200)
    requested_at = models.DateTimeField()
    done = models.PositiveIntegerField(default=0)
    steps = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    size = models.BigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                models.Value(1),
                name="billing_dataexport_one_is_built",
                condition=models.Q(finished_at=None),
            )
        ]

    def __str__(self) -> str:
        return f"export of {self.requested_at:%Y-%m-%d}"

    @property
    def percent(self) -> int:
        """The finished share in whole percent."""
        return 100 * self.done // self.steps if self.steps else 0


class DataExportPart(models.Model):
    """A piece of the file of an export, in order."""

    export = models.ForeignKey(
        DataExport, on_delete=models.CASCADE, related_name="parts", db_index=False
    )
    position = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["export", "position"], name="billing_dataexportpart_in_order"
            )
        ]

    def __str__(self) -> str:
        return f"part {self.position} of export {self.export_id}"
