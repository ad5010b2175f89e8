"""Cases that a provider's people submit to support, with their answers."""

from typing import TYPE_CHECKING, ClassVar

from django.db import models

from accounts.roles import Permission

if TYPE_CHECKING:
    from accounts.models import User


class SupportCaseQuerySet(models.QuerySet["SupportCase"]):
    """Queries for cases."""

    def visible_to(self, user: "User") -> "SupportCaseQuerySet":
        """A person's own cases; with permission for payment information all of the provider.

        Others may hold what only those roles see, such as an invoice.
        """
        if user.may(Permission.VIEW_BILLING):
            return self.all()
        return self.filter(opened_by_id=user.pk)


class SupportCase(models.Model):
    """A question to support. Its first message is the question; `changed_at` is the last change.

    The person is stored as id, name and address, because logins are in the public schema.
    """

    class State(models.TextChoices):
        """Who acts next."""

        OPEN = "open", "Open"
        ANSWERED = "answered", "Answered"
        CLOSED = "closed", "Closed"

    subject = models.CharField(max_length=200)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    opened_at = models.DateTimeField()
    opened_by_id = models.BigIntegerField(db_index=True)
    opened_by_name = models.CharField(max_length=200)
    opened_by_email = models.EmailField()
    changed_at = models.DateTimeField()

    objects = SupportCaseQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["-changed_at", "-id"], name="tenants_supportcase_recent")
        ]

    def __str__(self) -> str:
        return f"Case {self.pk}: {self.subject}"


class CaseMessage(models.Model):
    """A message of a case, by its person or by support. Append-only."""

    case = models.ForeignKey(SupportCase, on_delete=models.PROTECT, related_name="messages")
    at = models.DateTimeField()
    author_id = models.BigIntegerField(null=True)
    author_name = models.CharField(max_length=200)
    is_from_support = models.BooleanField()
    text = models.TextField()

    class Meta:
        ordering: ClassVar = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.author_name}, {self.at.isoformat()}"
