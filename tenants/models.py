"""Organizations and who is counted in them: one provider's schema."""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower, Now
from django.utils import timezone

from accounts.scope import visible_organizations

SMALLEST_USER_CAP = 1
LARGEST_USER_CAP = 10_000
SMALLEST_MAU_THRESHOLD = 1
LARGEST_MAU_THRESHOLD = 10_000_000
# What a provider's own system calls a user or device; unique among an organization's living ones.
EXTERNAL_ID_LENGTH = 200


class OrganizationQuerySet(models.QuerySet["Organization"]):
    """Organizations, asked in the domain's words."""

    def living(self) -> "OrganizationQuerySet":
        """Those that are not removed."""
        return self.filter(removed_at=None)

    def visible(self) -> "OrganizationQuerySet":
        """Living ones that the person of this request may see: pages show no others."""
        ids = visible_organizations()
        return self.living() if ids is None else self.living().filter(pk__in=ids)


class Organization(models.Model):
    """A client of the provider. Removed ones keep their row: old invoices name them.

    `user_cap` None is "No User Cap". It may lie below the present count: then nobody is added until
    the count falls below it (docs/facts/product.md, User caps). `mau_threshold` is how many
    users may be active in a month, None for any number (docs/facts/product.md, Organizations).
    """

    name = models.CharField(max_length=200)
    user_cap = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(SMALLEST_USER_CAP), MaxValueValidator(LARGEST_USER_CAP)],
    )
    mau_threshold = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[
            MinValueValidator(SMALLEST_MAU_THRESHOLD),
            MaxValueValidator(LARGEST_MAU_THRESHOLD),
        ],
    )
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    removed_at = models.DateTimeField(null=True, blank=True)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="tenants_organization_user_cap_in_range",
                condition=models.Q(user_cap=None)
                | models.Q(user_cap__range=(SMALLEST_USER_CAP, LARGEST_USER_CAP)),
            ),
            models.CheckConstraint(
                name="tenants_organization_mau_threshold_in_range",
                condition=models.Q(mau_threshold=None)
                | models.Q(mau_threshold__range=(SMALLEST_MAU_THRESHOLD, LARGEST_MAU_THRESHOLD)),
            ),
            models.UniqueConstraint(
                Lower("name"),
                name="tenants_organization_one_name",
                condition=models.Q(removed_at=None),
                violation_error_message="You already have an organization of this name.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


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


class AuditEntry(models.Model):
    """Who changed what, when: written with the change, never changed or deleted."""

    at = models.DateTimeField()
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=200)
    action = models.CharField(max_length=60)
    organization_id = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=300)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["-at"], name="tenants_auditentry_at")]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.action} {self.subject}"
