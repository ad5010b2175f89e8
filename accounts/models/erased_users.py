"""The public register of erased users, which survives a restore."""

from typing import ClassVar

from django.db import models


class ErasedUser(models.Model):
    """A user of a provider whose name and address were erased, by the id of its row.

    Kept outside of the provider's schema: an earlier backup still has the name, so a restore erases
    it again (docs/decisions/0036).
    """

    provider = models.ForeignKey(
        "accounts.Provider", on_delete=models.CASCADE, related_name="+", db_index=False
    )
    user_id = models.BigIntegerField()
    erased_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "user_id"], name="accounts_erased_once")
        ]

    def __str__(self) -> str:
        return f"user {self.user_id} of {self.provider_id}"
