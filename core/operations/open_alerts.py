"""The open alerts of all database servers, counted by kind."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min

from core.operations.models import OperationsAlert
from core.servers import DIRECTORY, from_each_server


@dataclass(frozen=True, slots=True)
class OpenAlerts:
    """The open alerts of a kind: `acknowledged` of them have a person who looks after them.

    `server` has the oldest one.
    """

    kind: str
    count: int
    acknowledged: int
    since: datetime
    server: int

    @property
    def query(self) -> str:
        """The query of the admin's list of them."""
        return f"kind={self.kind}" + (f"&server={self.server}" if self.server != DIRECTORY else "")


def open_alerts(*, without: str = "") -> list[OpenAlerts]:
    """The open alerts by kind, the oldest first, except one kind; a statement for each server."""
    counted = (
        OperationsAlert.objects.open()
        .exclude(kind=without)
        .values("kind")
        .annotate(count=Count("pk"), acknowledged=Count("acknowledged_at"), since=Min("opened_at"))
        .order_by("since")
    )
    answers = from_each_server(lambda: list(counted.all()))
    by_kind: dict[str, OpenAlerts] = {}
    for server, rows in answers.items():
        for row in rows:
            other = by_kind.get(row["kind"])
            added = OpenAlerts(**row, server=server)
            by_kind[row["kind"]] = added if other is None else _together(other, added)
    return sorted(by_kind.values(), key=lambda each: each.since)


def _together(one: OpenAlerts, other: OpenAlerts) -> OpenAlerts:
    oldest = min(one, other, key=lambda each: each.since)
    return OpenAlerts(
        kind=one.kind,
        count=one.count + other.count,
        acknowledged=one.acknowledged + other.acknowledged,
        since=oldest.since,
        server=oldest.server,
    )
