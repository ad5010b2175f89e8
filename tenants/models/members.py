"""Users and devices of organizations, and where devices are."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Lower, Now
from django.utils import timezone

from tenants.models.organizations import Organization

# What a provider's own system calls a user or device; unique among an organization's living ones.
EXTERNAL_ID_LENGTH = 200


class CountedRow(models.Model):
    """Something an organization is billed for, counted by the database as it comes and goes.

    `added_at` and `removed_at` are when it happened; the event log takes them, never earlier than
    the organization's last event. Who did it is kept as id and name: logins live elsewhere.
    A removed row stays removed and is never deleted: "who was counted?" must have an answer.
    """

    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, db_index=False)
    added_at = models.DateTimeField(default=timezone.now, db_default=Now())
    added_by_id = models.BigIntegerField(null=True, blank=True)
    added_by_name = models.CharField(max_length=200, blank=True, db_default="")
    added_via = models.CharField(max_length=20, blank=True, db_default="")
    removed_at = models.DateTimeField(null=True, blank=True)
    removed_by_id = models.BigIntegerField(null=True, blank=True)
    removed_by_name = models.CharField(max_length=200, blank=True, db_default="")

    class Meta:
        abstract = True


class ManagedUser(CountedRow):
    """A user of a client organization. Suspended users still count; only removed ones do not."""

    class State(models.TextChoices):
        """Whether the user can work; no effect on the count."""

        ACTIVE = "active", "Active"
        SUSPENDED = "suspended", "Suspended"

    email = models.EmailField()
    name = models.CharField(max_length=200, blank=True, db_default="")
    # None has no such name; an empty text would be one.
    external_id = models.CharField(  # noqa: DJ001
        max_length=EXTERNAL_ID_LENGTH, null=True, blank=True
    )
    state = models.CharField(
        max_length=20, choices=State, default=State.ACTIVE, db_default=State.ACTIVE
    )

    class Meta:
        constraints: ClassVar = [
            # Serves every look-up by organization too: a further index would be a duplicate.
            models.UniqueConstraint(
                "organization",
                Lower("email"),
                name="tenants_manageduser_one_email",
                condition=models.Q(removed_at=None),
                violation_error_message="This organization already has a user with this e-mail.",
            ),
            models.UniqueConstraint(
                fields=["organization", "external_id"],
                name="tenants_manageduser_one_external_id",
                condition=models.Q(removed_at=None, external_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email


class Location(models.Model):
    """A place of an organization where devices stand. Removing it keeps the devices."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="locations", db_index=False
    )
    name = models.CharField(max_length=200)
    address = models.TextField(blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                "organization", Lower("name"), name="tenants_location_one_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Device(CountedRow):
    """A device of a client organization."""

    name = models.CharField(max_length=200)
    serial_number = models.CharField(max_length=100)
    # None has no such name; an empty text would be one.
    external_id = models.CharField(  # noqa: DJ001
        max_length=EXTERNAL_ID_LENGTH, null=True, blank=True
    )

    location = models.ForeignKey(
        Location, on_delete=models.SET_NULL, null=True, blank=True, db_index=False
    )

    class Meta:
        indexes: ClassVar = [
            # Most devices come without one, many at a time.
            models.Index(
                fields=["location"],
                name="tenants_device_location",
                condition=models.Q(location__isnull=False),
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                "organization",
                Lower("serial_number"),
                name="tenants_device_one_serial_number",
                condition=models.Q(removed_at=None),
                violation_error_message=(
                    "This organization already has a device with this serial number."
                ),
            ),
            models.UniqueConstraint(
                fields=["organization", "external_id"],
                name="tenants_device_one_external_id",
                condition=models.Q(removed_at=None, external_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name
