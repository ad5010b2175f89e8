"""The most users of all organizations together, which operations set (docs/decisions/0061).

The triggers of `usage/migrations/sql/0013_account_limit.sql` keep it, whatever the way in.
"""

from datetime import datetime

from django.db import transaction

from core.actors import Actor
from tenants import audit
from tenants.models import MeteringPolicy


@transaction.atomic
def set_account_limit(*, limit: int | None, actor: Actor, now: datetime) -> None:
    """Set the current provider's limit; None lifts it. Below the present number no user is removed.

    Does nothing if it is so already.
    """
    policy = MeteringPolicy.objects.select_for_update(no_key=True).get(pk=1)
    if policy.account_limit == limit:
        return
    before, policy.account_limit = policy.account_limit, limit
    policy.save(update_fields=["account_limit"])
    audit.record(
        actor=actor,
        action="account_limit.changed",
        subject="Most users of all organizations together",
        before={"limit": before},
        after={"limit": limit},
        now=now,
    )
