"""The audit log."""

from typing import ClassVar

from django.db import models

from core.actors import ActorKind
from core.origin import LONGEST_USER_AGENT


class AuditEntry(models.Model):
    """One change, or one look at something sensitive: who, what, when, from where.

    Append-only in the database. Nothing is changed, except that the name of an erased user becomes
    "Erased user #id". `actor_kind` is empty in rows of before it was kept. `impersonated_id` is the
    organization in whose pages an administrator of the provider acted.
    """

    at = models.DateTimeField()
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=200)
    actor_kind = models.CharField(
        max_length=20,
        choices=[(kind.value, kind.value) for kind in ActorKind],
        blank=True,
        default="",
        db_default="",
    )
    impersonated_id = models.BigIntegerField(null=True)
    ip_address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(
        max_length=LONGEST_USER_AGENT, blank=True, default="", db_default=""
    )
    request_id = models.CharField(max_length=64, blank=True, default="", db_default="")
    action = models.CharField(max_length=60)
    organization_id = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=300)
    subject_id = models.BigIntegerField(null=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["-at"], name="tenants_auditentry_at"),
            models.Index(fields=["organization_id", "-at"], name="tenants_auditentry_of"),
            models.Index(fields=["action", "-at"], name="tenants_auditentry_action"),
            models.Index(fields=["actor_id", "-at"], name="tenants_auditentry_actor"),
            models.Index(fields=["subject", "-at"], name="tenants_auditentry_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.action} {self.subject}"
