"""The rows of the audit log that are looked for: filters, and pages by instant and id."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_date

from core.actors import ActorKind
from core.listing import LONGEST_SEARCH
from core.months import day_ends_at, day_starts_at
from core.names import name_key
from core.plain_numbers import plain_id
from core.scope import within
from core.text import printable_line
from tenants.audit_log.kinds import kind_of
from tenants.models import AuditEntry, Organization

ROWS_PER_PAGE = 50
# Without dates: a search reads the rows of these days only.
DEFAULT_DAYS = 90
LONGEST_SUBJECT = 300
LONGEST_ACTION = 60
MOST_ORGANIZATIONS = 100


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page begins: at the rows below this instant and id."""

    at: datetime
    pk: int

    @classmethod
    def parse(cls, text: str) -> "Position | None":
        """From a link to older rows; None for anything else."""
        instant, _, pk = text.partition("~")
        number = plain_id(pk)
        try:
            at = datetime.fromisoformat(instant)
            if number is None or at.tzinfo is None:
                return None
            return cls(at.astimezone(UTC), number)
        except (ValueError, OverflowError):
            return None

    def __str__(self) -> str:
        return f"{self.at.astimezone(UTC).isoformat()}~{self.pk}"


@dataclass(frozen=True, slots=True)
class Selection:
    """Filters of the log; empty ones do not narrow it. `since` and `until` are whole days.

    `actor` is a person's id or a kind of actor, `what` an action or a kind of object, `subject` the
    exact name of an object. `organization` is an id, or a part of names as a person types it.
    """

    search: str = ""
    actor: str = ""
    what: str = ""
    subject: str = ""
    organization: str = ""
    since: date | None = None
    until: date | None = None

    @classmethod
    def of(cls, query: Mapping[str, str], *, today: date) -> "Selection":
        """Read a query string; unknown values are ignored."""
        actor = printable_line(query.get("actor", ""), longest=20)
        since = _day(query.get("from", ""))
        if "from" not in query and not query.get("subject"):
            since = today - timedelta(days=DEFAULT_DAYS)
        return cls(
            search=printable_line(query.get("q", ""), longest=LONGEST_SEARCH),
            actor=actor if actor in set(ActorKind) or plain_id(actor) is not None else "",
            what=printable_line(query.get("what", ""), longest=LONGEST_ACTION),
            subject=printable_line(query.get("subject", ""), longest=LONGEST_SUBJECT),
            organization=printable_line(query.get("organization", ""), longest=LONGEST_SEARCH),
            since=since,
            until=_day(query.get("to", "")),
        )

    @property
    def organization_text(self) -> str:
        """What a person typed; the name where an id was given."""
        if plain_id(self.organization) is None:
            return self.organization
        found = Organization.objects.filter(within("pk"), pk=int(self.organization)).first()
        return found.name if found else ""

    @property
    def query(self) -> str:
        """The selection as a query string, without the page."""
        parts = {
            "q": self.search,
            "actor": self.actor,
            "what": self.what,
            "subject": self.subject,
            "organization": self.organization,
            "to": str(self.until or ""),
        }
        kept = {name: value for name, value in parts.items() if value}
        return urlencode({**kept, "from": str(self.since or "")})

    @property
    def is_narrowed(self) -> bool:
        """Whether anything but the first day narrows the list."""
        texts = (self.search, self.actor, self.what, self.subject, self.organization)
        return any(texts) or self.until is not None

    def of_organizations(self) -> list[int] | None:
        """The ids of the organizations that are looked for, removed ones too; None for all."""
        if not self.organization:
            return None
        found = Organization.objects.filter(within("pk"))
        pk = plain_id(self.organization)
        if pk is not None:
            found = found.filter(pk=pk)
        else:
            found = found.filter(name_key__contains=name_key(self.organization))
        return list(found.order_by("pk").values_list("pk", flat=True)[:MOST_ORGANIZATIONS])

    def rows(self, *, zone: ZoneInfo) -> QuerySet[AuditEntry]:
        """The rows that are looked for, of those that `visible_entries` lets through."""
        entries = AuditEntry.objects.all()
        ids = self.of_organizations()
        if ids is not None:
            entries = entries.filter(organization_id__in=ids)
        if self.since:
            entries = entries.filter(at__gte=day_starts_at(day=self.since, zone=zone))
        if self.until:
            entries = entries.filter(at__lt=day_ends_at(day=self.until, zone=zone))
        if self.subject:
            entries = entries.filter(subject=self.subject)
        return entries.filter(of_actor(self.actor), found_by_text(self.search))

    def is_looked_for(self, action: str) -> bool:
        """Whether the action is the one, or of the kind, that is looked for."""
        return not self.what or of_kind_or_action(action, self.what)


def of_actor(actor: str) -> Q:
    """The rows of a person, or of a kind of actor. Rows of before kinds were kept have none."""
    unknown = Q(actor_kind="")
    by_key = Q(actor_id=None, actor_name__startswith="API key ")
    if not actor:
        return Q()
    if actor.isdecimal():
        return Q(actor_id=int(actor))
    older = {
        ActorKind.PERSON: unknown & Q(actor_id__isnull=False),
        ActorKind.API_KEY: unknown & by_key,
        ActorKind.SYSTEM: unknown & Q(actor_id=None) & ~by_key,
    }
    found = Q(actor_kind=actor)
    return found | older[ActorKind(actor)] if actor in older else found


def page_of(
    entries: QuerySet[AuditEntry], *, before: Position | None
) -> tuple[list[AuditEntry], Position | None]:
    """The newest rows before a position, and the position of the page after them."""
    if before is not None:
        entries = entries.filter(Q(at__lt=before.at) | Q(at=before.at, pk__lt=before.pk))
        # Said again, because PostgreSQL uses no index for an OR.
        entries = entries.filter(at__lte=before.at)
    found = list(entries.order_by("-at", "-pk")[: ROWS_PER_PAGE + 1])
    rows = found[:ROWS_PER_PAGE]
    if len(found) <= ROWS_PER_PAGE:
        return rows, None
    return rows, Position(rows[-1].at, rows[-1].pk)


def of_kind_or_action(action: str, what: str) -> bool:
    """Whether the action is this one, or of this kind."""
    return action == what or kind_of(action) == what


def found_by_text(text: str) -> Q:
    """The rows with the text in a name, or with this IP address or request."""
    if not text:
        return Q()
    found = Q(subject__icontains=text) | Q(actor_name__icontains=text) | Q(request_id=text)
    try:
        return found | Q(ip_address=str(ip_address(text)))
    except ValueError:
        return found


def _day(text: str) -> date | None:
    try:
        day = parse_date(text[:10])
    except ValueError:
        return None
    # Days at the ends of the calendar have no instant in some zone.
    return day if day is not None and 2000 <= day.year <= 9000 else None  # noqa: PLR2004 - years


def organization_names(entries: Collection[AuditEntry]) -> dict[int, str]:
    """The names of the organizations of these rows, removed ones too; one statement."""
    ids: set[Any] = {one.organization_id for one in entries}
    ids |= {one.impersonated_id for one in entries}
    found = Organization.objects.filter(pk__in=ids - {None})
    return dict(found.values_list("pk", "name"))
