"""Packages with their list prices, and prepaid packs of active users."""

from decimal import Decimal
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from accounts.validation import currency_code
from core.metrics import Metric
from core.text import plain_text

LARGEST_PACK = 10_000_000
LONGEST_TERM_MONTHS = 36


class Package(models.Model):
    """A package that contracts are made of, and the metric it is billed by."""

    name = models.CharField(max_length=100, unique=True)
    metric = models.CharField(
        max_length=10,
        choices=Metric,
        default=Metric.USERS,
        help_text="Seats: the greater of an organization's users and devices.",
    )
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


class Offer(models.Model):
    """A pack of monthly active users that providers order to extend their allowance.

    It raises the allowance by `quantity` in each of `months` billing months, the month of the order
    included (docs/facts/product.md, Active users).
    """

    name = models.CharField(max_length=100, unique=True, validators=[plain_text])
    quantity = models.PositiveIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(LARGEST_PACK)],
        help_text="Monthly active users that the pack adds.",
    )
    months = models.PositiveSmallIntegerField(
        default=12,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_TERM_MONTHS)],
        help_text="Billing months it holds for, with the month of the order.",
    )
    is_offered = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name


class OfferPrice(models.Model):
    """The price of a pack for its whole term, without tax, in one currency."""

    offer = models.ForeignKey(
        Offer, on_delete=models.CASCADE, related_name="prices", db_index=False
    )
    currency = models.CharField(max_length=3, validators=[currency_code])
    price = models.DecimalField(
        max_digits=12, decimal_places=2, validators=[MinValueValidator(Decimal("0.01"))]
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["offer", "currency"], name="accounts_offer_one_price_a_currency"
            )
        ]

    def __str__(self) -> str:
        return f"{self.offer} {self.currency} {self.price}"
