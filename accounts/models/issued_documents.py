"""The public register of issued documents and of the highest ids: both survive a restore."""

from typing import ClassVar

from django.db import models


class IssuedDocument(models.Model):
    """An invoice or credit note that a provider ever issued, kept outside of its schema.

    A restored schema may lack it: its number is never issued again, and a payment for it is not
    lost. `position` counts within the provider's `series`. `sha256` shows any later change. Money
    is in minor units of `currency`; `month` is the first day of the billed month, None for a credit
    note.
    """

    provider = models.ForeignKey(
        "accounts.Provider", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    series = models.CharField(max_length=20)
    position = models.PositiveIntegerField()
    number = models.CharField(max_length=30)
    kind = models.CharField(max_length=20, blank=True)
    month = models.DateField(null=True)
    currency = models.CharField(max_length=3)
    total_minor = models.BigIntegerField()
    issued_at = models.DateTimeField()
    # Of all columns that are fixed at issue (billing.invoicing.numbering.ISSUED_COLUMNS), hex.
    sha256 = models.CharField(max_length=64, db_default="", default="")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["provider", "series", "position"], name="accounts_number_once"
            )
        ]

    def __str__(self) -> str:
        return self.number


class HighestId(models.Model):
    """The highest id that a sequence of a provider's schema had given by the last nightly run."""

    provider = models.ForeignKey(
        "accounts.Provider", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    sequence = models.CharField(max_length=63)
    value = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "sequence"], name="accounts_highest_id")
        ]

    def __str__(self) -> str:
        return f"{self.sequence} {self.value}"
