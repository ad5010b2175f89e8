"""Invoices, their lines and documents: snapshots that never change after issue."""

from datetime import date, datetime
from typing import ClassVar
from zoneinfo import ZoneInfo

from django.db import models

from billing.charge_limits import is_too_small
from billing.choices import Collection, InvoiceKind, LineKind
from billing.models.carried_balances import CarriedBalance
from billing.models.invoice_amounts import Amounts
from billing.models.invoice_amounts import Status as InvoiceStatus
from billing.models.invoice_queries import InvoiceQuerySet
from billing.models.invoice_totals import TOTALS, InvoiceTotals
from core.actors import Actor
from core.metrics import COUNTED, Metric
from usage.explain.links import combined_explanation_path, explanation_path


class NumberSequence(models.Model):
    """The last number of a kind of document; issuing locks the row, so numbers have no gaps."""

    name = models.CharField(max_length=20, primary_key=True)
    last_number = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} {self.last_number}"


class Invoice(models.Model):
    """An issued invoice. Parties, prices, lines and totals never change.

    Money is in minor units of `currency`. `month` is the first day of the billed month. The paid
    amount and the status are derived from payments and corrections (`amounts`).
    """

    Status = InvoiceStatus

    number = models.CharField(max_length=30, unique=True)
    kind = models.CharField(max_length=20, choices=InvoiceKind)
    month = models.DateField()
    collection = models.CharField(max_length=20, choices=Collection)
    currency = models.CharField(max_length=3)
    subtotal_minor = models.BigIntegerField()
    tax_name = models.CharField(max_length=40, blank=True)
    tax_rate = models.DecimalField(max_digits=6, decimal_places=3)
    tax_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()
    # Balances of earlier invoices (`carried_from`); to be paid with the total, and no part of it.
    carried_in_minor = models.BigIntegerField(default=0, db_default=0)
    issued_at = models.DateTimeField()
    due_date = models.DateField()
    period_starts_at = models.DateTimeField()
    period_ends_at = models.DateTimeField()
    billing_time_zone = models.CharField(max_length=64)
    seller = models.JSONField()
    buyer = models.JSONField()
    contract_summary = models.JSONField()
    # The voided invoice of the same month that this one replaces.
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="replaced_by"
    )
    voided_at = models.DateTimeField(null=True)
    void_reason = models.CharField(max_length=500, blank=True, default="", db_default="")
    voided_by_id = models.BigIntegerField(null=True)
    voided_by_name = models.CharField(max_length=200, blank=True, default="", db_default="")
    written_off_at = models.DateTimeField(null=True)
    write_off_reason = models.CharField(max_length=500, blank=True, default="", db_default="")
    written_off_by_id = models.BigIntegerField(null=True)
    written_off_by_name = models.CharField(max_length=200, blank=True, default="", db_default="")

    objects: ClassVar = InvoiceQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            # Concurrent or repeated closes can't bill a month twice.
            models.UniqueConstraint(
                fields=["month", "kind"],
                name="billing_invoice_once_a_month",
                condition=models.Q(voided_at=None) & ~models.Q(kind="order"),
            ),
            models.CheckConstraint(
                name="billing_invoice_adds_up",
                condition=models.Q(total_minor=models.F("subtotal_minor") + models.F("tax_minor")),
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["-issued_at", "-id"], name="billing_invoice_new")]

    def __str__(self) -> str:
        return self.number

    def billing_zone(self) -> ZoneInfo:
        """The provider's billing zone at issue; all dates of the invoice are in it."""
        return ZoneInfo(self.billing_time_zone)

    @property
    def issued_on(self) -> date:
        """The date of issue, in the billing zone."""
        return self.issued_at.astimezone(self.billing_zone()).date()

    @property
    def amounts(self) -> Amounts:
        """The invoice's amounts, from `with_paid()` or else read from the database now.

        Read under the invoice's lock, they include every change of earlier holders of the lock.
        """
        names = ("credited_total", "paid_total", "disputed_total", "carried_total")
        totals = [getattr(self, name, None) for name in names]
        if None in totals:
            stored = InvoiceTotals.objects.filter(pk=self.pk).values_list(*TOTALS)
            totals = list(stored.first() or ())
        credited, paid, disputed, carried = (total or 0 for total in totals or [0] * len(names))
        return Amounts(
            billed_minor=self.total_minor,
            credited_minor=credited,
            paid_minor=paid,
            disputed_minor=disputed,
            carried_in_minor=0 if self.voided_at else self.carried_in_minor,
            carried_out_minor=carried,
            is_void=self.voided_at is not None,
            is_written_off=self.written_off_at is not None,
        )

    @property
    def payable_at_issue_minor(self) -> int:
        """The amount that its documents ask for: the total and the balances carried in."""
        return self.total_minor + self.carried_in_minor

    def balances_carried_in(self) -> list[CarriedBalance]:
        """The balances of earlier invoices that it asks for, with these; no query without any."""
        if not self.carried_in_minor:
            return []
        return list(self.carried_from.select_related("from_invoice").order_by("pk"))

    @property
    def paid_minor(self) -> int:
        """Payments less refunds and lost chargebacks."""
        return self.amounts.paid_minor

    @property
    def owed_minor(self) -> int:
        """The amount still to be paid: 0 for a void or written-off invoice, never negative."""
        return self.amounts.owed_minor

    @property
    def status(self) -> InvoiceStatus:
        """The status derived from payments, corrections, voids and write-offs."""
        return self.amounts.status

    def write_off(self, *, reason: str, actor: Actor, now: datetime) -> None:
        """Give up what is owed, and save that; the caller holds the invoice's lock."""
        self.written_off_at, self.write_off_reason = now, reason.strip()
        self.written_off_by_id, self.written_off_by_name = actor.id, actor.name[:200]
        self.save(
            update_fields=[
                "written_off_at",
                "write_off_reason",
                "written_off_by_id",
                "written_off_by_name",
            ]
        )

    def is_overdue(self, *, today: date) -> bool:
        """Whether an amount is owed after the due date; `today` is in the billing zone.

        An amount too small for a card is never overdue: the next invoice carries it.
        """
        owed_minor = self.owed_minor
        is_collected = owed_minor > 0 and not is_too_small(owed_minor, self.currency)
        return self.due_date < today and is_collected


class InvoiceLine(models.Model):
    """An issued line, with the peak event of its quantity (`usage.UsageEvent` id).

    A line of kind `basis` is printed and not charged: an organization's quantity that a commitment
    covers. `peak_at` is None if the high-water mark was carried in from the month before. A line of
    kind `adjustment` charges late usage of a closed month (`adjusted_month`, its first day):
    `quantity` above `adjusted_from`, the quantity already billed; `reason` says why.

    Where a commitment is compared with the peak of all organizations together, the charged line has
    that peak, and a basis line the count of its organization at that instant. `peak_at` is then
    always set: the month's start, without an event, if the month began with the peak.
    """

    invoice = models.ForeignKey(
        Invoice, on_delete=models.PROTECT, related_name="lines", db_index=False
    )
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=20, choices=LineKind)
    description = models.CharField(max_length=300)
    organization_id = models.BigIntegerField(null=True)
    organization_name = models.CharField(max_length=200, blank=True)
    metric = models.CharField(max_length=10)
    quantity = models.DecimalField(max_digits=14, decimal_places=4)
    unit_price = models.DecimalField(max_digits=12, decimal_places=4)
    amount_minor = models.BigIntegerField()
    peak_event_id = models.BigIntegerField(null=True)
    peak_at = models.DateTimeField(null=True)
    peak_count_before = models.PositiveIntegerField(null=True)
    peak_subject_name = models.CharField(max_length=320, blank=True)
    peak_actor_name = models.CharField(max_length=200, blank=True)
    adjusted_month = models.DateField(null=True)
    adjusted_from = models.PositiveIntegerField(null=True)
    reason = models.CharField(max_length=300, blank=True, default="", db_default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["invoice", "position"], name="billing_line_one_position"
            )
        ]

    def __str__(self) -> str:
        return f"{self.invoice_id}/{self.position} {self.description}"

    @property
    def title(self) -> str:
        """The organization of the line; what is adjusted or sold where it is of none."""
        if self.adjusted_month is not None:
            return self.description
        return self.organization_name or self.description

    @property
    def is_disputable(self) -> bool:
        """Whether an administrator may dispute it: a line of an open invoice, once."""
        invoice = self.invoice
        is_open = invoice.voided_at is None and invoice.written_off_at is None
        return self.amount_minor > 0 and is_open and not self.disputes.all()

    @property
    def has_combined_peak(self) -> bool:
        """Whether it charges what all organizations together had above a commitment."""
        return self.organization_id is None and self.peak_at is not None

    @property
    def is_combined_share(self) -> bool:
        """Whether its quantity is an organization's count at the peak of all together."""
        return (
            self.kind == LineKind.BASIS
            and self.metric in COUNTED
            and self.peak_event_id is None
            and self.peak_at is not None
        )

    @property
    def has_peak(self) -> bool:
        """Whether its quantity was reached or counted at an instant."""
        return self.organization_id is not None or self.has_combined_peak

    def explanation_path(self, *, month: date) -> str:
        """The path of the page that explains its peak; empty for a line without one.

        `month` is the invoice's; a line that adjusts an earlier month is explained by that one.
        """
        explained = self.adjusted_month or month
        if self.has_combined_peak:
            return combined_explanation_path(month=explained, metric=self.metric)
        if self.is_combined_share:
            return combined_explanation_path(month=explained)
        if self.organization_id is None:
            return ""
        return explanation_path(
            organization_id=self.organization_id,
            month=explained,
            metric=self.metric,
        )

    @property
    def unit(self) -> str:
        """The short plural unit of its quantity; packs on the line of an order."""
        return Metric(self.metric).short_unit if self.metric in Metric.values else self.metric


class InvoiceDocument(models.Model):
    """A document of an invoice and its SHA-256 (hex): rendered once, never deleted.

    A CSV that names a user is rendered again when the user is erased (docs/decisions/0036).

    `fingerprint` identifies the templates, fonts and libraries it was rendered with
    (`billing.documents.fingerprint`): while they are unchanged, rendering gives the same bytes.
    """

    class Format(models.TextChoices):
        """The formats of an invoice document."""

        PDF = "pdf", "PDF"
        CSV = "csv", "CSV"

    invoice = models.ForeignKey(
        Invoice, on_delete=models.PROTECT, related_name="documents", db_index=False
    )
    format = models.CharField(max_length=5, choices=Format)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=64, blank=True, default="", db_default="")
    rendered_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["invoice", "format"], name="billing_document_one_of_each"
            )
        ]

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.format}"
