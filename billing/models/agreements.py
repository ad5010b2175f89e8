"""Agreements that a person accepted with a card."""

from django.db import models

from billing.models.contracts import Contract


class AgreementAcceptance(models.Model):
    """What a person was shown and accepted when submitting a card (`billing.contracts.offers`).

    `content` is everything that was shown, prices included; `fingerprint` is its SHA-256.
    `contract` is the contract that it began, None until the card is live.
    """

    stripe_setup_intent_id = models.CharField(max_length=255, unique=True)
    content = models.JSONField()
    fingerprint = models.CharField(max_length=64)
    accepted_at = models.DateTimeField()
    accepted_by_id = models.BigIntegerField(null=True)
    accepted_by_name = models.CharField(max_length=200)
    contract = models.OneToOneField(
        Contract, on_delete=models.PROTECT, null=True, related_name="acceptance"
    )

    def __str__(self) -> str:
        return f"{self.content['package_name']}, {self.accepted_by_name}"
