"""What must stay true of a provider's logins (PRODUCT, People)."""

from collections.abc import Mapping
from typing import Any

from accounts.models import User
from accounts.roles import Role

BILLING_ROLES = (Role.OWNER, Role.BILLING_ADMIN)


def refuse_losing_the_last(*, before: User, after: Mapping[str, Any]) -> dict[str, str]:
    """Texts by field when this change would leave a provider without an Owner or without billing.

    `after` holds `role` and `is_active` as they are to be.
    """
    if before.provider_id is None or not before.is_active:
        return {}
    others = User.objects.filter(provider_id=before.provider_id, is_active=True)
    others = others.exclude(pk=before.pk)
    field = "role" if after["is_active"] else "is_active"
    stays = set() if field == "is_active" else {after["role"]}
    gone = {before.role} - stays
    if Role.OWNER in gone and not others.filter(role=Role.OWNER).exists():
        return {field: "This is the provider's last Owner. Make somebody else Owner first."}
    leaves_billing = gone & set(BILLING_ROLES) and not stays & set(BILLING_ROLES)
    if leaves_billing and not others.filter(role__in=BILLING_ROLES).exists():
        return {field: "Nobody else of this provider could see and pay its invoices."}
    return {}
