"""The history of one user: additions and removals, changes, active months."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Q

from core.metrics import Metric
from tenants.models import AuditEntry, ManagedUser, UserAlias
from usage.models import ActiveUser, UsageEvent

MOST_LISTED = 200
MONTHS_LISTED = 24
VIA: Mapping[str, str] = {
    "form": "by form",
    "import": "by import",
    "api": "by API",
    "demo": "with the demo data",
    "undo": "by undoing a removal",
    "move": "by a move",
}
# Additions and removals are in the usage history itself, with their counts.
CHANGES: Mapping[str, str] = {
    "user.suspended": "Suspended",
    "user.active": "Reactivated",
    "user.changed": "Changed",
    "user.moved": "Moved",
    "user.merged": "Merged with another row",
    "user.alias_ended": "Earlier address ended",
    "user.external_id_changed": "External ID changed",
}


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One thing that happened to the user. `count` is the organization's count after it."""

    at: datetime
    what: str
    detail: str
    by: str
    count: int | None = None


@dataclass(frozen=True, slots=True)
class ActiveIn:
    """A month in which the user was active, since its first report."""

    month: date
    first_seen_at: datetime


def rows_of_person(user: ManagedUser) -> list[ManagedUser]:
    """The rows of the person in this organization, the first one first: undone removals add one."""
    first = user.same_person_as_id or user.pk
    rows = ManagedUser.objects.filter(organization=user.organization_id)
    return list(rows.filter(Q(pk=first) | Q(same_person_as=first)).order_by("pk"))


def history_of(rows: list[ManagedUser]) -> list[HistoryEntry]:
    """What happened to a person with these rows, the newest first; three statements."""
    ids = [row.pk for row in rows]
    events = UsageEvent.objects.filter(
        organization=rows[0].organization_id,
        metric=Metric.USERS,
        at__gte=rows[0].added_at,
        subject_id__in=ids,
    )
    entries = [
        HistoryEntry(
            event.effective_at or event.at,
            "Added" if event.delta > 0 else "Removed",
            VIA.get(event.via, ""),
            event.actor_name,
            event.count_after,
        )
        for event in events.order_by("-pk")[:MOST_LISTED]
    ]
    return sorted([*entries, *_changes(rows)], key=lambda entry: entry.at, reverse=True)[
        :MOST_LISTED
    ]


def _changes(rows: list[ManagedUser]) -> list[HistoryEntry]:
    aliases = UserAlias.objects.filter(user__in=rows).values_list("text", flat=True)
    names = {row.email for row in rows} | set(aliases)
    changes = AuditEntry.objects.filter(
        organization_id=rows[0].organization_id,
        action__startswith="user.",
        subject__in=names,
        at__gte=rows[0].added_at,
    )
    return [
        HistoryEntry(entry.at, CHANGES[entry.action], _detail(entry), entry.actor_name)
        for entry in changes.order_by("-at")[:MOST_LISTED]
        if entry.action in CHANGES
    ]


def _detail(entry: AuditEntry) -> str:
    """As in "email: a@b.example, now c@d.example"."""
    parts = []
    for name in entry.before | entry.after:
        before, after = entry.before.get(name), entry.after.get(name)
        changed = f"{before}, now {after}" if before and after else f"{before or after}"
        parts.append(f"{name.replace('_', ' ')}: {changed}")
    return "; ".join(parts)


def active_in(rows: list[ManagedUser]) -> list[ActiveIn]:
    """The latest months in which the person was active; one statement."""
    found = ActiveUser.objects.filter(organization=rows[0].organization_id, user__in=rows).order_by(
        "-month"
    )
    return [ActiveIn(*row) for row in found.values_list("month", "first_seen_at")[:MONTHS_LISTED]]
