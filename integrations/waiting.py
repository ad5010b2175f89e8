"""What the menu says of the PSA: how many services wait for a decision."""

from accounts.context_processors import waits_behind
from accounts.models import User
from integrations.models import Drift


@waits_behind("autotask")
def drifts_to_decide(_user: User) -> int:
    """Services that somebody changed in Autotask, undecided."""
    return Drift.objects.filter(decided_at=None).count()
