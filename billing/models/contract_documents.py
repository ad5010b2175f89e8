"""Records of a contract: its document, its renewal notices, the accepted terms of service."""

from typing import ClassVar

from django.db import models

from billing.models.contracts import Contract


class ContractDocument(models.Model):
    """The PDF of a contract with its parties and SHA-256: rendered once, never deleted."""

    contract = models.OneToOneField(Contract, on_delete=models.PROTECT, related_name="document")
    seller = models.JSONField()
    buyer = models.JSONField()
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    rendered_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Document of contract {self.contract_id}"


class RenewalNotice(models.Model):
    """A mailed notice that a contract renews or ends on a day; one for each day."""

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
    """The first acceptance of a version of the terms of service."""

    version = models.CharField(max_length=40, unique=True)
    accepted_at = models.DateTimeField()
    accepted_by_id = models.BigIntegerField(null=True)
    accepted_by_name = models.CharField(max_length=200)

    def __str__(self) -> str:
        return f"Terms {self.version}, {self.accepted_by_name}"
