"""The administrators who get mail about alerts, and the alerts that each of them may see."""

from collections.abc import Iterable
from dataclasses import dataclass

from accounts.models import User
from accounts.roles import PROVIDER_ROLES, Permission
from core.schema import require_provider_schema
from tenants.models import MONEY_KINDS, Alert, AlertMailPreference


@dataclass(frozen=True, slots=True)
class Reader:
    """An administrator with a mail preference."""

    user: User
    choice: AlertMailPreference

    def reads(self, alerts: Iterable[Alert]) -> list[Alert]:
        """The alerts that this administrator may see and that are severe enough to be mailed.

        The same rule as `AlertQuerySet.visible`, outside of a request.
        """
        limit = self.user.visible_organizations
        sees_money = self.user.may(Permission.VIEW_BILLING)
        return [
            alert
            for alert in alerts
            if (limit is None or alert.organization_id in limit)
            and (sees_money or alert.kind not in MONEY_KINDS)
            and alert.severity >= self.choice.minimum_severity
        ]


def readers(*, delivery: AlertMailPreference.Delivery) -> list[Reader]:
    """The current provider's active administrators who chose this delivery."""
    choices = {
        choice.user_id: choice for choice in AlertMailPreference.objects.filter(delivery=delivery)
    }
    if not choices:
        return []
    people = User.objects.filter(
        pk__in=choices,
        provider__schema_name=require_provider_schema(),
        is_active=True,
        role__in=PROVIDER_ROLES,
    )
    return [Reader(user, choices[user.pk]) for user in people.order_by("pk")]
