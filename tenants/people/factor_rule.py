"""Whether a provider's people need a second factor, which an Owner decides."""

from datetime import datetime

from accounts.models import Provider, User
from accounts.roles import Role
from core.actors import Actor
from core.servers import with_directory
from tenants import audit
from tenants.people.rules import RoleTooHigh, begin

LONGEST_GRACE = 90


@with_directory()
def require_factor(
    *, provider: Provider, is_required: bool, grace_days: int, by: User, now: datetime
) -> bool:
    """Ask the provider's people for a second factor, or no longer; whether anything changed.

    The days count from the first time; asking again with other days does not start them again.
    Raises `RoleTooHigh` unless `by` is Owner.
    """
    by = begin(provider=provider, by=by)
    if by.role != Role.OWNER:
        raise RoleTooHigh
    current = Provider.objects.get(pk=provider.pk)
    before = factor_rule(current)
    current.factor_required_at = (current.factor_required_at or now) if is_required else None
    current.factor_grace_days = grace_days
    if factor_rule(current) == before:
        return False
    current.save(update_fields=["factor_required_at", "factor_grace_days"])
    audit.record(
        actor=Actor.of(by),
        action="sign_in.factor_rule_changed",
        subject=current.name,
        before=before,
        after=factor_rule(current),
        now=now,
    )
    return True


def factor_rule(provider: Provider) -> dict[str, bool | int]:
    """The rule as the audit log shows it."""
    return {
        "is_required": provider.factor_required_at is not None,
        "grace_days": provider.factor_grace_days,
    }
