"""The billing profile of a provider and its contracts."""

from datetime import date, datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import JSONObject

from billing.choices import CommitmentBasis, ContractKind
from billing.models.payments import PaymentMethod
from billing.money import round_minor
from core.given import Given
from core.metrics import Metric
from core.months import Month, day_starts_at
from core.remembered import columns_of, instance_of, remembered

ONE_ROW = models.Q(id=1)


class BillingProfileQuerySet(models.QuerySet["BillingProfile"]):
    """The billing profile of the current provider."""

    def current(self) -> "BillingProfile | None":
        """The one row; None until the provider or operations first save it."""
        return self.current_and_card()[0]

    def current_and_card(self) -> "tuple[BillingProfile | None, bool]":
        """The one row, and whether a card is on file; without the row, in a second statement."""
        for *columns, has_card in _profile().rows():
            return instance_of(BillingProfile, columns), has_card
        return None, PaymentMethod.objects.current() is not None


class BillingProfile(models.Model):
    """The name, address and contacts on a provider's invoices; copied to each invoice at issue.

    One row, id 1. `tax_rate` is a percentage, set by operations. `contact_emails` receive invoices
    and notices. `address` and `mailing_address` hold the parts of `billing.customer.addresses` for
    `country` and `mailing_country`. `address_lines` is `address` in the country's format, as
    invoices print it; a profile saved before parts existed has only these lines.
    `pays_automatically` is the customer's choice: without it, invoices issued from then on are
    mailed and not charged to the card on file (docs/decisions/0062).
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    legal_name = models.CharField(max_length=200)
    address_lines = models.JSONField(default=list)
    address = models.JSONField(default=dict, db_default=JSONObject())
    country = models.CharField(max_length=2)
    is_same_as_mailing = models.BooleanField(default=True, db_default=True)
    mailing_name = models.CharField(max_length=200, blank=True, default="", db_default="")
    mailing_country = models.CharField(max_length=2, blank=True, default="", db_default="")
    mailing_address = models.JSONField(default=dict, db_default=JSONObject())
    pays_automatically = models.BooleanField(default=True, db_default=True)
    tax_id = models.CharField(max_length=40, blank=True)
    purchase_order = models.CharField(max_length=60, blank=True)
    contact_emails = models.JSONField(default=list)
    tax_name = models.CharField(max_length=40, blank=True)
    tax_rate = models.DecimalField(
        max_digits=6,
        decimal_places=3,
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )

    objects = BillingProfileQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(name="billing_profile_one_row", condition=ONE_ROW)
        ]

    def __str__(self) -> str:
        return self.legal_name


class ContractQuerySet(models.QuerySet["Contract"]):
    """Contracts of the current provider."""

    def on(self, day: date | Given) -> "ContractQuerySet":
        """The contract that covers a day, if one does."""
        covers = models.Q(ends_on=None) | models.Q(ends_on__gt=day)
        return self.filter(covers, starts_on__lte=day).order_by("-starts_on")[:1]

    def current(self, month: Month) -> "Contract | None":
        """The contract that covers the month's first day, and so bills the month, or None."""
        rows = _contract_on().rows(day=month.first_day)
        return instance_of(Contract, rows[0]) if rows else None


class Contract(models.Model):
    """A price agreed from a month on: pay as you go, or for a committed quantity.

    Package name, metric and price are copied, so a later change of the package changes no contract.
    The contract that is active on the first day of a month bills the month. `invoice_agreement`:
    invoices are mailed, not charged to a card. Usage is billed from `billed_from` on: the first
    instant of its first month, or the instant at which a card began to pay for it; None while no
    card does. Invoices below `automatic_limit_minor` are charged automatically; 0 means that all
    are mailed. `commitment_basis` is what a commitment is compared with. Without `ends_on` it
    renews after each term (`billing.contracts.renewals`).
    """

    class Term(models.TextChoices):
        """The length of a term."""

        MONTHLY = "monthly", "Monthly"
        ANNUAL = "annual", "Annual"

    kind = models.CharField(max_length=20, choices=ContractKind)
    term = models.CharField(
        max_length=10, choices=Term, default=Term.MONTHLY, db_default=Term.MONTHLY
    )
    package_id = models.BigIntegerField()
    package_name = models.CharField(max_length=100)
    package_contents = models.JSONField(default=list)
    metric = models.CharField(max_length=10)
    currency = models.CharField(max_length=3, validators=[RegexValidator(r"^[A-Z]{3}$")])
    unit_price = models.DecimalField(
        max_digits=12, decimal_places=4, validators=[MinValueValidator(0)]
    )
    committed_quantity = models.PositiveIntegerField(null=True, blank=True)
    commitment_basis = models.CharField(
        max_length=20,
        choices=CommitmentBasis,
        default=CommitmentBasis.ALL_TOGETHER,
        db_default=CommitmentBasis.ALL_TOGETHER,
        help_text=(
            "Overage is what exceeds the commitment. All together: a user who moves from one "
            "organization to another is no overage. The sum: each organization counts with its "
            "own peak, at whatever time it was."
        ),
    )
    starts_on = models.DateField(unique=True, help_text="The first day of a month.")
    ends_on = models.DateField(
        null=True,
        blank=True,
        help_text="The first day not covered. Empty: it renews itself, term after term.",
    )
    billed_from = models.DateTimeField(null=True, blank=True, editable=False)
    agreed_at = models.DateTimeField(null=True)
    agreed_by_name = models.CharField(max_length=200, blank=True, default="", db_default="")
    invoice_agreement = models.BooleanField(default=False)
    automatic_limit_minor = models.BigIntegerField()
    payment_terms_days = models.PositiveIntegerField()

    objects = ContractQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="billing_contract_commitment_iff_committed",
                condition=models.Q(kind="committed", committed_quantity__gt=0)
                | models.Q(kind="pay_as_you_go", committed_quantity=None),
            ),
            models.CheckConstraint(
                name="billing_contract_starts_on_a_first", condition=models.Q(starts_on__day=1)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.package_name} from {self.starts_on}"

    def covers(self, day: date) -> bool:
        """Whether the contract is active on this day; `ends_on` is the first day after it."""
        return self.starts_on <= day and (self.ends_on is None or self.ends_on > day)

    def billed_start(self, month: Month, zone: ZoneInfo) -> datetime:
        """The instant from which it bills the month: its first one, or `billed_from` inside it."""
        starts_at = month.starts_at(zone)
        return max(starts_at, self.billed_from) if self.billed_from else starts_at

    def late_start(self, zone: ZoneInfo) -> datetime | None:
        """The instant from which it bills, if that is inside its first month or later; else None.

        A card began to pay for it then: earlier usage is free. `zone` is the billing zone.
        """
        first_instant = day_starts_at(day=self.starts_on, zone=zone)
        is_late = self.billed_from is not None and self.billed_from > first_instant
        return self.billed_from if is_late else None

    @property
    def charges_card(self) -> bool:
        """Whether some invoices are charged to a card; otherwise all are mailed."""
        return not self.invoice_agreement and self.automatic_limit_minor > 0

    @property
    def counts_together(self) -> bool:
        """Whether overage is what all organizations together had above the commitment.

        At one instant, not in the sum of their peaks. Active users are no level: never.
        """
        return (
            self.committed_quantity is not None
            and self.commitment_basis == CommitmentBasis.ALL_TOGETHER
            and bool(Metric(self.metric).counted)
        )

    @property
    def unit(self) -> str:
        """The short plural unit of its quantities: users, devices, seats, MAU."""
        return Metric(self.metric).short_unit

    def price_of(self, average: float) -> int:
        """Minor units without tax for an average quantity, which is rounded to hundredths first."""
        return round_minor(round(average * 100) * self.unit_price / 100, self.currency)

    def summary(self) -> dict[str, Any]:
        """The copy that an invoice keeps of its contract; the unit price is a decimal string."""
        return {
            "id": self.pk,
            "kind": self.kind,
            "package_name": self.package_name,
            "contents": self.package_contents,
            "metric": self.metric,
            "unit_price": str(self.unit_price),
            "committed_quantity": self.committed_quantity,
            "commitment_basis": self.commitment_basis if self.committed_quantity else None,
            "term": self.term,
            "starts_on": self.starts_on.isoformat(),
            "ends_on": self.ends_on.isoformat() if self.ends_on else None,
            "payment_terms_days": self.payment_terms_days,
        }


@remembered
def _profile() -> models.QuerySet[BillingProfile, Any]:
    card = models.Exists(PaymentMethod.objects.filter(replaced_at=None))
    return BillingProfile.objects.filter(pk=1).values_list(*columns_of(BillingProfile), card)


@remembered
def _contract_on() -> models.QuerySet[Contract, Any]:
    return Contract.objects.on(Given("day", models.DateField())).values_list(*columns_of(Contract))
