"""The alert for a usage ledger whose projections differ from its events."""

from collections.abc import Sequence
from datetime import datetime

from tenants.alerts import raise_alert, resolve_alert
from tenants.alerts.rules import Condition
from tenants.models import Severity
from tenants.models.alerts import Kind
from usage.formatting import counted_noun
from usage.ledger.verify import Difference

CAUSE = "ledger"
# Differences in the alert's text; `manage.py verify_ledger` lists all.
LISTED = 20


def report_ledger_differences(*, differences: Sequence[Difference], now: datetime) -> None:
    """Open the alert for the current provider's ledger, or resolve it when there is no difference.

    Repairs nothing: operations read the differences before they run `manage.py rebuild_usage`.
    """
    if not differences:
        resolve_alert(cause=CAUSE, now=now)
        return
    affected = len({difference.organization_id for difference in differences})
    lines = [str(difference) for difference in differences[:LISTED]]
    if len(differences) > LISTED:
        lines.append(f"and {len(differences) - LISTED:,} more")
    raise_alert(
        condition=Condition(
            cause=CAUSE,
            kind=Kind.LEDGER,
            severity=Severity.CRITICAL,
            title=f"The usage ledger of {counted_noun(affected, 'organizations')} does not agree: "
            + counted_noun(len(differences), "differences"),
            text="\n".join(lines),
        ),
        now=now,
    )
