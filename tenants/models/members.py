"""The members of organizations, which are users and devices, and the locations of devices."""

from typing import Any, ClassVar

from django.db import models
from django.db.models.functions import Lower, Now
from django.utils import timezone

from core.addresses import LONGEST_ADDRESS, address_key
from core.key_field import KeyField
from core.metrics import Metric
from tenants.models.organizations import Organization

EXTERNAL_ID_LENGTH = 200
# The columns in which lists and the search look, each with its index of trigrams
# (tenants/migrations/sql/0011_search.sql, docs/decisions/0059).
USER_TEXT, DEVICE_TEXT = ("address_key", "name"), ("name", "serial_number")


class MemberQuerySet(models.QuerySet[Any]):
    """Members of organizations."""

    def living(self) -> "MemberQuerySet":
        """Those that are not removed."""
        return self.filter(removed_at=None)


class CountedRow(models.Model):
    """A member of an organization: a user or a device, counted by the triggers of its table.

    The class attributes and `columns` are all that users and devices differ in where they are
    added, removed and imported. `added_at` and `removed_at` are copied into the usage ledger, which
    never goes back behind the organization's last event. The person who added or removed the
    member is stored as id and name, because logins are in the public schema. A removed row stays
    removed and is never deleted: the explanation of an old peak lists it.
    """

    noun: ClassVar[str]
    metric: ClassVar[Metric]
    # The field that identifies a living member in its organization, whatever its case.
    key_field: ClassVar[str]
    # The columns that differ between the members of one addition.
    columns: ClassVar[tuple[str, ...]]

    external_id = models.CharField(  # noqa: DJ001 - unique, so that a member without one has None
        max_length=EXTERNAL_ID_LENGTH, null=True, blank=True
    )
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, db_index=False)
    added_at = models.DateTimeField(default=timezone.now, db_default=Now())
    added_by_id = models.BigIntegerField(null=True, blank=True)
    added_by_name = models.CharField(max_length=200, blank=True, db_default="")
    added_via = models.CharField(max_length=20, blank=True, db_default="")
    removed_at = models.DateTimeField(null=True, blank=True)
    removed_by_id = models.BigIntegerField(null=True, blank=True)
    removed_by_name = models.CharField(max_length=200, blank=True, db_default="")

    objects = MemberQuerySet.as_manager()

    class Meta:
        abstract = True

    @property
    def key(self) -> str:
        """The e-mail address or the serial number."""
        return str(getattr(self, self.key_field))


class ManagedUser(CountedRow):
    """A user of an organization. A suspended user still counts; a removed one does not.

    This row is the only place that every page and explanation reads a user's name from. At
    `erased_at` the e-mail address became "Erased user #id", and the name and the external id empty
    (docs/decisions/0036).

    `address_key` is the same for every spelling of the address. Two living users of an organization
    have the same one only if both have an external id: two accounts that share a mailbox; or with
    `is_double`: rows older than this rule, which a person merges. An earlier address is a
    `UserAlias` (docs/decisions/0049).

    `same_person_as` is the first row of a person whose removal was undone: together the rows are
    one active user of a month. The database counts `state_version` up at each change of the state,
    so that an undo sees a later one (docs/decisions/0063).
    """

    class State(models.TextChoices):
        """A user can be suspended, which does not change the count."""

        ACTIVE = "active", "Active"
        SUSPENDED = "suspended", "Suspended"

    noun = "user"
    metric = Metric.USERS
    key_field = "email"
    # Before the id of an erased user, as its e-mail address.
    ERASED: ClassVar = "Erased user #"
    columns = ("email", "address_key", "name", "external_id", "state")

    erased_at = models.DateTimeField(null=True, blank=True)
    email = models.CharField(max_length=LONGEST_ADDRESS)
    address_key = KeyField(of="email", rule=address_key)
    is_double = models.BooleanField(default=False, db_default=False, editable=False)
    name = models.CharField(max_length=200, blank=True, db_default="")
    state = models.CharField(
        max_length=20, choices=State, default=State.ACTIVE, db_default=State.ACTIVE
    )
    state_version = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    # Without a constraint, which would read the whole table under a lock: users are never deleted.
    same_person_as = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        db_index=False,
        db_constraint=False,
        related_name="+",
    )

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["organization", "same_person_as"],
                name="tenants_manageduser_restored",
                condition=models.Q(same_person_as__isnull=False),
            ),
            # For every query of an organization's users, and the trigger that refuses a known
            # address: they ask for doubles too, which the unique index leaves out.
            models.Index(
                fields=["organization", "address_key"],
                name="tenants_manageduser_living",
                condition=models.Q(removed_at=None),
            ),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="tenants_manageduser_erased",
                condition=models.Q(erased_at=None)
                | models.Q(removed_at__isnull=False, name="", external_id=None),
            ),
            # A trigger refuses the same address where one of two users has no external id
            # (usage/migrations/sql/0011_identities.sql).
            models.UniqueConstraint(
                fields=["organization", "address_key", "external_id"],
                name="tenants_manageduser_one_identity",
                condition=models.Q(removed_at=None, is_double=False),
                nulls_distinct=False,
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


class UserAlias(models.Model):
    """Another address or external id by which a user is known.

    An earlier address is written by the trigger that sees it change; `text` is as it was, `key` as
    it is compared. From `ended_at` on it no longer finds the user. It stays until the user is
    erased, because what was counted under it is still explained.
    """

    class Kind(models.TextChoices):
        """What the text is."""

        ADDRESS = "address", "E-mail"
        EXTERNAL_ID = "external_id", "External ID"

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, db_index=False, related_name="+"
    )
    # Queries by user use the unique index.
    user = models.ForeignKey(
        ManagedUser, on_delete=models.PROTECT, db_index=False, related_name="aliases"
    )
    kind = models.CharField(max_length=20, choices=Kind)
    text = models.CharField(max_length=LONGEST_ADDRESS)
    key = models.TextField()
    since = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "kind", "key"], name="tenants_useralias_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization", "kind", "key"], name="tenants_useralias_key"),
        ]

    def __str__(self) -> str:
        return self.text


class Location(models.Model):
    """A site of an organization. Its devices stay with the organization when it is removed."""

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
    """A device of an organization."""

    noun = "device"
    metric = Metric.DEVICES
    key_field = "serial_number"
    columns = ("serial_number", "name", "external_id")

    name = models.CharField(max_length=200)
    serial_number = models.CharField(max_length=100)
    location = models.ForeignKey(
        Location, on_delete=models.SET_NULL, null=True, blank=True, db_index=False
    )

    class Meta:
        indexes: ClassVar = [
            # Partial, because most devices are added without a location, many at a time.
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
