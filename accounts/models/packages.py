"""What is sold: packages and their list prices."""

from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models

from accounts.validation import currency_code


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
