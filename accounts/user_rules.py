"""Rules for a provider's logins (docs/facts/product.md, People)."""

from collections.abc import Mapping
from typing import Any

from accounts.models import Provider, User
from accounts.roles import Role
from core.servers import directory_alias


def lock_people(*, provider_id: int) -> None:
    """Lock the provider's logins against other changes until the transaction ends.

    Without the lock, the last two Owners could leave at once: each would see the other one stay.
    Raises TransactionManagementError outside of a transaction.
    """
    # Not a key lock, so that sign-ins and inserts with this provider do not wait.
    rows = Provider.objects.using(directory_alias()).select_for_update(no_key=True)
    rows.filter(pk=provider_id).get()


def refuse_losing_the_last(*, before: User, after: Mapping[str, Any]) -> dict[str, str]:
    """Errors by field if the change removes the provider's last Owner or billing administrator.

    `after` holds the new `role` and `is_active`. Call `lock_people` first.
    """
    if before.provider_id is None or not before.is_active:
        return {}
    others = User.objects.filter(provider_id=before.provider_id, is_active=True)
    others = others.exclude(pk=before.pk)
    field = "role" if after["is_active"] else "is_active"
    is_removed = field == "is_active" or after["role"] != before.role
    if not is_removed or others.filter(role=before.role).exists():
        return {}
    if before.role == Role.OWNER:
        return {field: "This is the provider's last Owner. Make another person Owner first."}
    promoted = field == "role" and after["role"] == Role.OWNER
    if before.role == Role.BILLING_ADMIN and not promoted:
        return {
            field: "This is the provider's last Administrator with Billing. "
            "Give another person that role first."
        }
    return {}
