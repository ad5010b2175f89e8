"""Providers and the people who sign in: the public schema."""

import uuid
from typing import TYPE_CHECKING, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django_tenants.models import DomainMixin, TenantMixin

from accounts.roles import LIMITABLE_ROLES, PERMISSIONS, Permission, Role
from accounts.text import plain_text
from accounts.validation import currency_code, time_zone_name

if TYPE_CHECKING:
    from django.http import HttpRequest

# Session key: the provider that operations staff work inside.
OPERATIONS_PROVIDER_KEY = "operations_provider_id"


class Provider(TenantMixin):  # type: ignore[misc]
    """A managed service provider: a tenant with a schema of its own.

    `billing_time_zone` decides where its months begin and end and never changes under a month that
    was metered. `stripe_customer_id` is how a webhook finds its provider.
    """

    class State(models.TextChoices):
        """Whether the schema is there."""

        PROVISIONING = "provisioning", "Being set up"
        ACTIVE = "active", "Active"
        FAILED = "failed", "Set-up failed"

    objects: ClassVar[models.Manager["Provider"]] = models.Manager()
    auto_create_schema = False
    auto_drop_schema = False

    name = models.CharField(max_length=200, validators=[plain_text])
    provider_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    state = models.CharField(max_length=20, choices=State, default=State.PROVISIONING)
    state_detail = models.TextField(blank=True)
    billing_time_zone = models.CharField(max_length=64, default="UTC", validators=[time_zone_name])
    currency = models.CharField(max_length=3, default="USD", validators=[currency_code])
    invoice_prefix = models.CharField(
        max_length=8,
        unique=True,
        validators=[RegexValidator(r"^[A-Z0-9]{2,8}$", "Use 2 to 8 capital letters and digits.")],
        help_text="Begins every invoice number, and names the schema. Never changes.",
        error_messages={"unique": "Another provider has this prefix."},
    )
    contact_name = models.CharField(max_length=200, validators=[plain_text])
    contact_email = models.EmailField()
    organization_limit = models.PositiveIntegerField(
        default=100, validators=[MinValueValidator(1), MaxValueValidator(100_000)]
    )
    closes_automatically = models.BooleanField(
        default=True,
        help_text="Off: the schedule leaves this provider's months for operations to close.",
    )
    stripe_customer_id = models.CharField(max_length=255, unique=True, null=True, blank=True)
    outstanding_from = models.DateTimeField(
        null=True,
        editable=False,
        help_text="From when an unpaid invoice may count: before, no page asks the invoices.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        """Whether its schema is there and may be entered."""
        return self.state == self.State.ACTIVE


class Domain(DomainMixin):  # type: ignore[misc]
    """Demanded by django-tenants; nothing is ever decided by a host name."""


class SchemaTemplate(models.Model):
    """The SQL that makes a new provider's schema, dumped from the template schema.

    `migrations_digest` says of which migrations; one row per release that is still running.
    """

    migrations_digest = models.CharField(max_length=64, unique=True)
    sql = models.TextField()
    dumped_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"schema template of {self.dumped_at:%Y-%m-%d %H:%M}"


class UserManager(BaseUserManager["User"]):
    """Creates logins; e-mail addresses are compared in lower case."""

    def create_user(self, *, email: str, password: str | None = None, **fields: object) -> "User":
        """A login with a usable password, or none until it is set by mail."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.full_clean(exclude=["password"])
        user.save(using=self._db)
        return user

    def create_superuser(self, *, email: str, password: str, **fields: object) -> "User":
        """Operations staff with every right in the operations admin."""
        return self.create_user(
            email=email, password=password, is_staff=True, is_superuser=True, **fields
        )

    def get_by_natural_key(self, username: str | None) -> "User":
        """The login of an address, whatever its case."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """Someone who signs in. Belongs to one provider, or is operations staff and to none.

    An organization admin names its organization by id: no foreign key enters a provider's schema.
    `limited_to` None sees all organizations; only roles without money can be limited.
    Logins are deactivated, never deleted: what they did keeps their name.
    """

    email = models.EmailField(
        unique=True, error_messages={"unique": "Somebody already signs in with this address."}
    )
    name = models.CharField(max_length=200, validators=[plain_text])
    provider = models.ForeignKey(
        Provider, on_delete=models.PROTECT, null=True, blank=True, related_name="users"
    )
    role = models.CharField(max_length=30, choices=Role, blank=True)
    organization_id = models.BigIntegerField(null=True, blank=True)
    limited_to = ArrayField(
        models.BigIntegerField(),
        null=True,
        blank=True,
        help_text="Ids of the only organizations an administrator may see; empty for all.",
    )
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar = ["name"]
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="accounts_user_is_staff_or_of_a_provider",
                condition=models.Q(is_staff=True, provider=None, role="")
                | models.Q(is_staff=False, provider__isnull=False, role__in=Role.values),
                violation_error_message=(
                    "Operations staff have neither a provider nor a role; everyone else has both."
                ),
            ),
            models.CheckConstraint(
                name="accounts_user_organization_admin_has_one",
                condition=models.Q(role=Role.ORGANIZATION_ADMIN, organization_id__isnull=False)
                | (~models.Q(role=Role.ORGANIZATION_ADMIN) & models.Q(organization_id=None)),
                violation_error_message=(
                    "An organization admin needs the id of an organization; other roles have none."
                ),
            ),
            models.CheckConstraint(
                name="accounts_user_limited_without_money",
                condition=models.Q(limited_to=None) | models.Q(role__in=LIMITABLE_ROLES),
                violation_error_message=(
                    "Only an Administrator or a Read-only login can be limited to organizations."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def may(self, permission: Permission) -> bool:
        """Whether this login's role grants the permission."""
        return bool(self.role) and permission in PERMISSIONS[Role(self.role)]

    @property
    def visible_organizations(self) -> list[int] | None:
        """The ids of the only organizations this login may see; None for all."""
        if self.organization_id is not None:
            return [self.organization_id]
        return self.limited_to

    def active_provider(self, request: "HttpRequest") -> Provider | None:
        """The provider this request works in: one's own, or the one operations staff chose."""
        if not self.is_staff:
            return self.provider
        chosen = request.session.get(OPERATIONS_PROVIDER_KEY)
        return Provider.objects.filter(pk=chosen).first() if chosen else None


class SignInEvent(models.Model):
    """A sign-in, a refused one, or a sign-out: appended, never changed.

    `email` is what was typed, so an attempt on an unknown address is kept too.
    """

    class Outcome(models.TextChoices):
        """What came of it."""

        SUCCEEDED = "succeeded", "Signed in"
        FAILED = "failed", "Wrong e-mail or password"
        INACTIVE = "inactive", "Login is deactivated"
        LIMITED = "limited", "Too many attempts"
        SIGNED_OUT = "signed_out", "Signed out"

    at = models.DateTimeField()
    outcome = models.CharField(max_length=20, choices=Outcome)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="sign_in_events"
    )
    email = models.CharField(max_length=254)
    ip_address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = "sign-in"
        verbose_name_plural = "sign-in log"
        indexes: ClassVar = [models.Index(fields=["-at"], name="accounts_signinevent_at")]

    def __str__(self) -> str:
        return f"{self.email}: {self.get_outcome_display()}"


class Package(models.Model):
    """What is sold, and which metric it is billed by."""

    class Metric(models.TextChoices):
        """The billed quantity of an organization's month."""

        USERS = "users", "Users"
        DEVICES = "devices", "Devices"
        GREATER = "greater", "The greater of users and devices"

    name = models.CharField(max_length=100, unique=True)
    metric = models.CharField(max_length=10, choices=Metric, default=Metric.USERS)
    contents = models.JSONField(default=list, help_text="What is included, one text each.")
    is_offered = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


class PackagePrice(models.Model):
    """A package's list price per unit and month, from a date on, in one currency."""

    package = models.ForeignKey(
        Package, on_delete=models.CASCADE, related_name="prices", db_index=False
    )
    currency = models.CharField(max_length=3, validators=[currency_code])
    unit_price = models.DecimalField(
        max_digits=12, decimal_places=4, validators=[MinValueValidator(0)]
    )
    valid_from = models.DateField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["package", "currency", "valid_from"], name="accounts_one_price_a_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.package} {self.currency} {self.unit_price} from {self.valid_from}"
