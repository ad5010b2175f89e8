"""Logins, and the log of sign-ins."""

from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.crypto import salted_hmac

from accounts.models.provider import Provider
from accounts.roles import EXTENDING_ROLES, LIMITABLE_ROLES, PERMISSIONS, Permission, Role
from core.addresses import NotAnAddress, clean_address
from core.csv_files import CsvOptions, DecimalMark, Encoding, Separator
from core.text import plain_text

if TYPE_CHECKING:
    from django.http import HttpRequest

# Session key of the provider that operations staff work inside.
OPERATIONS_PROVIDER_KEY = "operations_provider_id"


# People whom a page names to ask.
MOST_NAMED = 5


class UserManager(BaseUserManager["User"]):
    """Creates logins, whose e-mail addresses are clean (`core/addresses.py`)."""

    def create_user(self, *, email: str, password: str | None = None, **fields: object) -> "User":
        """Create a login. Without a password, the person sets one by mail."""
        with suppress(NotAnAddress):  # which the validation below refuses
            email = clean_address(email)
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.full_clean(exclude=["password"])
        user.save(using=self._db)
        return user

    def create_superuser(self, *, email: str, password: str, **fields: object) -> "User":
        """Create operations staff with every right in the operations admin."""
        return self.create_user(
            email=email, password=password, is_staff=True, is_superuser=True, **fields
        )

    def who_may(self, permission: Permission, *, provider: Provider) -> "models.QuerySet[User]":
        """The active logins of a provider whose role includes the permission, by role and name."""
        roles = [role for role, granted in PERMISSIONS.items() if permission in granted]
        of_provider = self.filter(provider=provider, role__in=roles, is_active=True)
        return of_provider.order_by("role", "name", "pk")

    def whom_to_ask(self, permission: Permission, *, provider: Provider) -> "models.QuerySet[User]":
        """The first few of those who may, whom a page names to a person who may not."""
        return self.who_may(permission, provider=provider)[:MOST_NAMED]

    def get_by_natural_key(self, username: str | None) -> "User":
        """The login of an address, in any spelling. Raises `User.DoesNotExist`."""
        try:
            return self.get(email=clean_address(username or ""))
        except NotAnAddress:
            raise self.model.DoesNotExist from None


class User(AbstractBaseUser, PermissionsMixin):
    """A login: of a person at one provider, or of operations staff, who have no provider.

    `organization_id` is no foreign key, because none may enter a provider's schema.
    `limited_to` None sees all organizations; only roles that do not see money can be limited.
    `has_factor` says whether a second factor or a passkey is set up; only the login of a request
    has it, read in the same statement (`accounts.sign_in`).
    Logins are deactivated and never deleted, because records name them.
    """

    has_factor: bool

    email = models.EmailField(
        unique=True, error_messages={"unique": "Another login has this address."}
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
    may_extend_allowance = models.BooleanField(
        default=False,
        db_default=False,
        help_text="An administrator whom an Owner lets order packs; Owners may without it.",
    )
    csv_separator = models.CharField(
        max_length=20,
        choices=Separator,
        default=Separator.COMMA,
        db_default=Separator.COMMA,
        verbose_name="separator",
    )
    csv_decimal_mark = models.CharField(
        max_length=20,
        choices=DecimalMark,
        default=DecimalMark.POINT,
        db_default=DecimalMark.POINT,
        verbose_name="decimal mark",
    )
    csv_encoding = models.CharField(
        max_length=20,
        choices=Encoding,
        default=Encoding.UTF_8_MARK,
        db_default=Encoding.UTF_8_MARK,
        verbose_name="encoding",
    )
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    # Raised to end every session of the login; it is part of what a session is checked against.
    sessions_ended = models.PositiveIntegerField(default=0, db_default=0, editable=False)
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
            models.CheckConstraint(
                name="accounts_user_extends_for_all",
                condition=models.Q(may_extend_allowance=False)
                | models.Q(role__in=EXTENDING_ROLES, limited_to=None),
                violation_error_message=(
                    "Only an administrator who sees all organizations can extend the allowance."
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Django's, which changes with the password; it changes with `sessions_ended` too."""
        made: str = super()._get_session_auth_hash(secret=secret)  # type: ignore[misc] # Django's own
        if not self.sessions_ended:
            return made
        return salted_hmac(
            "accounts.sessions_ended", f"{made}{self.sessions_ended}", secret=secret
        ).hexdigest()

    def may(self, permission: Permission) -> bool:
        """Whether the role, or an Owner, grants this login the permission."""
        if permission == Permission.EXTEND_ALLOWANCE and self.may_extend_allowance:
            return True
        return bool(self.role) and permission in PERMISSIONS[Role(self.role)]

    @property
    def csv_options(self) -> CsvOptions:
        """How this person gets CSV files."""
        return CsvOptions(
            separator=Separator(self.csv_separator),
            decimal_mark=DecimalMark(self.csv_decimal_mark),
            encoding=Encoding(self.csv_encoding),
        )

    @property
    def visible_organizations(self) -> list[int] | None:
        """The ids of the only organizations this login may see; None for all."""
        if self.organization_id is not None:
            return [self.organization_id]
        return self.limited_to

    def active_provider(self, request: "HttpRequest") -> Provider | None:
        """The request's provider: the login's own, or the one that operations staff entered."""
        if not self.is_staff:
            return self.provider
        provider_pk = request.session.get(OPERATIONS_PROVIDER_KEY)
        return Provider.objects.filter(pk=provider_pk).first() if provider_pk else None


class SignInEvent(models.Model):
    """A sign-in, a refused attempt, or a sign-out. Append-only.

    `email` is the address as typed, so attempts with an unknown address are recorded too.
    """

    class Outcome(models.TextChoices):
        """The outcome of the attempt."""

        SUCCEEDED = "succeeded", "Signed in"
        FAILED = "failed", "Wrong e-mail or password"
        INACTIVE = "inactive", "Login is deactivated"
        CLOSED = "closed", "The account is closed"
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
