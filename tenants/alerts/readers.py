"""Who may read which alert: the rule of `AlertQuerySet.visible`, for people who are not here."""

from collections.abc import Iterable
from dataclasses import dataclass

from accounts.models import User
from accounts.roles import PROVIDER_ROLES, Permission
from core.schema import require_provider_schema
from tenants.models import MONEY_KINDS, Alert, AlertMailPreference


@dataclass(frozen=True, slots=True)
class Reader:
    """An administrator who wants mail, and how."""

    user: User
    choice: AlertMailPreference

    def reads(self, alerts: Iterable[Alert]) -> list[Alert]:
        """Those of the alerts that this person may see and finds severe enough."""
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
    """The current provider's administrators who chose this delivery, as they are now."""
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
