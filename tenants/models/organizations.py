"""Organizations with their limits, tags and links."""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from core.key_field import KeyField
from core.names import name_key
from core.scope import within

SMALLEST_USER_CAP = 1
LARGEST_USER_CAP = 10_000
SMALLEST_MAU_LIMIT = 1
LARGEST_MAU_LIMIT = 10_000_000
LONGEST_TAG = 40


class OrganizationQuerySet(models.QuerySet["Organization"]):
    """Queries for organizations."""

    def living(self) -> "OrganizationQuerySet":
        """Organizations that are not removed."""
        return self.filter(removed_at=None)

    def archived(self) -> "OrganizationQuerySet":
        """Organizations that are archived, and can be restored."""
        return self.filter(archived_at__isnull=False)

    def visible(self) -> "OrganizationQuerySet":
        """Living organizations that the signed-in person may see; pages show no others."""
        return self.living().filter(within("pk"))


class Organization(models.Model):
    """A client of the provider. A removed one keeps its row, because old invoices name it.

    `user_cap` None is "No User Cap". It may be below the present count: then no user can be added
    until the count falls below it (docs/facts/product.md, User caps). `mau_limit` is the most
    active users of a month, None for any number (docs/facts/product.md, Organizations). `name_key`
    is the same for names that look the same. Of organizations older than this rule that have the
    same one, all but the first have " #id" behind it (docs/decisions/0049).

    An archived organization is a removed one that can be restored: `archived_at` is its
    `removed_at` (docs/decisions/0064). The database counts `cap_version` up at each change of the
    cap, so that an undo sees a later one.
    """

    name = models.CharField(max_length=200)
    name_key = KeyField(of="name", rule=name_key)
    user_cap = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(SMALLEST_USER_CAP), MaxValueValidator(LARGEST_USER_CAP)],
    )
    mau_limit = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[
            MinValueValidator(SMALLEST_MAU_LIMIT),
            MaxValueValidator(LARGEST_MAU_LIMIT),
        ],
    )
    created_at = models.DateTimeField(default=timezone.now, db_default=Now())
    removed_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    cap_version = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    objects = OrganizationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="tenants_organization_user_cap_in_range",
                condition=models.Q(user_cap=None)
                | models.Q(user_cap__range=(SMALLEST_USER_CAP, LARGEST_USER_CAP)),
            ),
            models.CheckConstraint(
                name="tenants_organization_mau_limit_in_range",
                condition=models.Q(mau_limit=None)
                | models.Q(mau_limit__range=(SMALLEST_MAU_LIMIT, LARGEST_MAU_LIMIT)),
            ),
            models.UniqueConstraint(
                fields=["name_key"],
                name="tenants_organization_one_name_key",
                condition=models.Q(removed_at=None),
                violation_error_message="You already have an organization of this name.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class OrganizationTag(models.Model):
    """A word by which the provider groups organizations; `key` is how it is compared."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="tags", db_index=False
    )
    text = models.CharField(max_length=LONGEST_TAG)
    key = models.CharField(max_length=LONGEST_TAG)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["key", "organization"], name="tenants_organizationtag_once"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["organization"], name="tenants_organizationtag_of")
        ]

    def __str__(self) -> str:
        return self.text


class OrganizationLink(models.Model):
    """A page about the organization elsewhere, for example in the provider's documentation."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="links")
    label = models.CharField(max_length=80)
    url = models.URLField(max_length=500)

    def __str__(self) -> str:
        return self.label
