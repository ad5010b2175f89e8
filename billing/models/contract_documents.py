"""What was agreed, as it can be shown: the contract's document, its notices, the accepted terms."""

from typing import ClassVar

from django.db import models

from billing.models.contracts import Contract


class ContractDocument(models.Model):
    """A contract's PDF as rendered, with the parties it names: kept for good with its SHA-256."""

    contract = models.OneToOneField(Contract, on_delete=models.PROTECT, related_name="document")
    seller = models.JSONField()
    buyer = models.JSONField()
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    rendered_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Document of contract {self.contract_id}"


class RenewalNotice(models.Model):
    """That a contract renews or ends on a day, mailed ahead: once for each such day."""

    contract = models.ForeignKey(
        Contract, on_delete=models.PROTECT, related_name="renewal_notices", db_index=False
    )
    on = models.DateField()
    is_end = models.BooleanField()
    mailed_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["contract", "on"], name="billing_renewal_notice_once_a_term"
            )
        ]

    def __str__(self) -> str:
        return f"{self.contract_id} {'ends' if self.is_end else 'renews'} on {self.on}"


class TermsAcceptance(models.Model):
    """Which version of the terms was accepted, when and by whom: the first time of each version."""

    version = models.CharField(max_length=40, unique=True)
    accepted_at = models.DateTimeField()
    accepted_by_id = models.BigIntegerField(null=True)
    accepted_by_name = models.CharField(max_length=200)

    def __str__(self) -> str:
        return f"Terms {self.version}, {self.accepted_by_name}"
