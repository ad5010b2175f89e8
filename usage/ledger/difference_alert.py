"""The alert about a usage ledger whose projections differ from its events."""

from collections.abc import Sequence
from datetime import datetime

from tenants.alerts import raise_alert, resolve_alert
from tenants.alerts.rules import Condition
from tenants.models import Severity
from tenants.models.alerts import Kind
from usage.formatting import counted_noun
from usage.ledger.verify import Difference

CAUSE = "ledger"
# Differences that an alert spells out; the command lists them all.
NAMED = 20


def report_ledger_differences(*, differences: Sequence[Difference], now: datetime) -> None:
    """Open the alert about the current provider's ledger, or resolve it when it agrees again.

    Repairs nothing: operations look at the differences before they run `manage.py rebuild_usage`.
    """
    if not differences:
        resolve_alert(cause=CAUSE, now=now)
        return
    organizations = {difference.organization_id for difference in differences}
    lines = [str(difference) for difference in differences[:NAMED]]
    if len(differences) > NAMED:
        lines.append(f"and {len(differences) - NAMED:,} more")
    raise_alert(
        condition=Condition(
            cause=CAUSE,
            kind=Kind.LEDGER,
            severity=Severity.CRITICAL,
            title=_ledger_title(len(differences), len(organizations)),
            text="\n".join(lines),
        ),
        now=now,
    )


def _ledger_title(differences: int, organizations: int) -> str:
    what = counted_noun(differences, "differences")
    whose = counted_noun(organizations, "organizations")
    return f"The usage ledger of {whose} does not agree: {what}"
