"""The audit log."""

from typing import ClassVar

from django.db import models


class AuditEntry(models.Model):
    """One change with its time, actor and subject; never deleted.

    Nothing is changed, except that the name of an erased user becomes "Erased user #id".
    """

    at = models.DateTimeField()
    actor_id = models.BigIntegerField(null=True)
    actor_name = models.CharField(max_length=200)
    action = models.CharField(max_length=60)
    organization_id = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=300)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["-at"], name="tenants_auditentry_at"),
            models.Index(fields=["organization_id", "-at"], name="tenants_auditentry_of"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.action} {self.subject}"
