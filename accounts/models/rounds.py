"""What tells the scheduled rounds which providers they have to look at (docs/decisions/0044)."""

from typing import ClassVar

from django.db import models

from accounts.models.provider import Provider


class ProviderChange(models.Model):
    """A transaction that changed something of a provider, written by triggers in the same one.

    Rows are only added and taken away, so writers never wait for each other. A row is visible
    exactly when its change is: who takes it away sees the change. The schema is a name, because
    the trigger knows no more.
    """

    schema_name = models.CharField(max_length=63)

    def __str__(self) -> str:
        return self.schema_name


class ChangeCount(models.Model):
    """How many changes of a provider were taken from `ProviderChange`; it only rises."""

    provider = models.OneToOneField(
        Provider, on_delete=models.CASCADE, primary_key=True, related_name="change_count"
    )
    changes = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.provider_id}: {self.changes}"


class RoundLook(models.Model):
    """A round's last look at a provider: it saw the first `changes` changes.

    At `again_at` the passing of time alone may give it something to do; None for never.
    """

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="looks")
    round = models.CharField(max_length=40)
    changes = models.BigIntegerField()
    again_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["round", "provider"], name="accounts_roundlook_one")
        ]

    def __str__(self) -> str:
        return f"{self.round} of {self.provider_id}"
