"""What must stay true of a provider's logins (docs/facts/product.md, People)."""

from collections.abc import Mapping
from typing import Any

from accounts.models import Provider, User
from accounts.roles import Role


def lock_people(*, provider_id: int) -> None:
    """Let nobody else change the provider's people until the transaction ends.

    Two who check at once that another Owner stays would both go. Raises
    TransactionManagementError outside of a transaction.
    """
    # No key lock: signing in and inserting rows that name the provider need not wait.
    Provider.objects.select_for_update(no_key=True).filter(pk=provider_id).get()


def refuse_losing_the_last(*, before: User, after: Mapping[str, Any]) -> dict[str, str]:
    """Texts by field when this change would leave a provider without an Owner or without billing.

    `after` holds `role` and `is_active` as they are to be. Call `lock_people` before.
    """
    if before.provider_id is None or not before.is_active:
        return {}
    others = User.objects.filter(provider_id=before.provider_id, is_active=True)
    others = others.exclude(pk=before.pk)
    field = "role" if after["is_active"] else "is_active"
    goes = field == "is_active" or after["role"] != before.role
    if not goes or others.filter(role=before.role).exists():
        return {}
    if before.role == Role.OWNER:
        return {field: "This is the provider's last Owner. Make somebody else Owner first."}
    promoted = field == "role" and after["role"] == Role.OWNER
    if before.role == Role.BILLING_ADMIN and not promoted:
        return {
            field: "This is the provider's last Administrator with Billing. "
            "Give somebody else that role first."
        }
    return {}
