"""Invoices as issued: a snapshot that never changes, and its documents."""

from datetime import date
from typing import ClassVar
from zoneinfo import ZoneInfo

from django.db import models

from billing.choices import Collection, InvoiceKind, LineKind
from billing.models.invoice_amounts import Amounts
from billing.models.invoice_amounts import Status as InvoiceStatus
from billing.models.invoice_queries import InvoiceQuerySet
from core.metrics import Metric


class NumberSequence(models.Model):
    """The last number taken of a kind of document; its row is locked at issue: no gaps."""

    name = models.CharField(max_length=20, primary_key=True)
    last_number = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} {self.last_number}"


class Invoice(models.Model):
    """An invoice as issued. Parties, prices, lines and totals never change afterwards.

    Money is in minor units of `currency`. `month` is the billed month's first day. What was paid is
    the sum of `payments` less what went back; the status is derived from amounts.
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
            # What makes a month billable once only, whoever closes it and however often.
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
        """The provider's billing zone as it was at issue: all of its dates are of this zone."""
        return ZoneInfo(self.billing_time_zone)

    @property
    def amounts(self) -> Amounts:
        """What it comes to, from `with_paid()` or else asked of the database now.

        Asked under the invoice's lock it sees what whoever held that before has written.
        """
        names = ("credited_total", "paid_total", "disputed_total")
        annotated = [getattr(self, name, None) for name in names]
        if None in annotated:
            annotated = list(Invoice.objects.totals_of(invoice_id=self.pk))
        credited, paid, disputed = annotated
        return Amounts(
            billed_minor=self.total_minor,
            credited_minor=credited or 0,
            paid_minor=paid or 0,
            disputed_minor=disputed or 0,
            is_void=self.voided_at is not None,
            is_written_off=self.written_off_at is not None,
        )

    @property
    def paid_minor(self) -> int:
        """What came in so far and stayed."""
        return self.amounts.paid_minor

    @property
    def owed_minor(self) -> int:
        """What is still to be paid; nothing of a void or written-off invoice, never negative."""
        return self.amounts.owed_minor

    @property
    def status(self) -> InvoiceStatus:
        """Derived from what was paid and credited and from what operations decided."""
        return self.amounts.status

    def is_overdue(self, *, today: date) -> bool:
        """Whether something is owed after the due date; `today` is in the billing zone."""
        return self.due_date < today and self.owed_minor > 0


class InvoiceLine(models.Model):
    """One line as issued, with the event that made its quantity (`usage.UsageEvent` id).

    A line of kind `basis` is shown and not charged: an organization's share of the peak that a
    commitment covers. `peak_at` None means the level was carried in and never passed. A line of
    kind `adjustment` charges for an earlier, closed month (`adjusted_month`, its first day) what
    was told late: `quantity` above the `adjusted_from` that were billed, for the `reason` given.
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
    def unit(self) -> str:
        """What its quantity counts, in the plural and short; the line of an order counts packs."""
        return Metric(self.metric).short_unit if self.metric in Metric.values else self.metric


class InvoiceDocument(models.Model):
    """The bytes of an issued document and their SHA-256 (hex): rendered once, kept for good.

    `fingerprint` is the fingerprint of everything else that decided the bytes
    (`billing.documents.fingerprint`): while it is today's, rendering again gives the same bytes.
    """

    class Format(models.TextChoices):
        """What can be downloaded of an invoice."""

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
