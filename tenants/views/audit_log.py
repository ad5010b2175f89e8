"""The audit log: of the provider, and of an organization on its own pages."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.downloads import table_download
from accounts.models import User
from accounts.requests import PortalRequest
from core.actors import ActorKind
from core.replica import reads_replica
from core.table_cells import instant_cell
from tenants.access import own_organization_or_404
from tenants.audit_log.actions import known_actions
from tenants.audit_log.kinds import is_seen, kind_of, label_of, text_of
from tenants.audit_log.selection import Position, Selection, organization_names, page_of
from tenants.audit_log.values import changed_values, values_text
from tenants.audit_log.visible import visible_entries
from tenants.models import AuditEntry, Organization

MOST_PEOPLE = 500
MOST_EXPORTED = 100_000
ACTOR_KINDS = {
    ActorKind.PERSON: "Any person",
    ActorKind.API_KEY: "Any API key",
    ActorKind.OPERATIONS: "Operations",
    ActorKind.SYSTEM: "The portal itself",
}
HEADER = (
    "Time (UTC)",
    "Who",
    "Acts as",
    "Action",
    "Object",
    "Object ID",
    "Organization",
    "On the pages of",
    "IP address",
    "Browser",
    "Request",
    "Before",
    "After",
)


@dataclass(frozen=True, slots=True)
class Log:
    """What a request reads: the whole log, or with `own` that of the organization's own pages."""

    request: PortalRequest
    own: Organization | None
    selection: Selection
    zone: ZoneInfo
    actions: list[str]

    @classmethod
    def of(cls, request: PortalRequest, *, is_own: bool) -> "Log":
        """Three statements: organization, actions, and the organizations that are looked for."""
        zone = request.provider.billing_zone()
        own = own_organization_or_404(request) if is_own else None
        today = timezone.now().astimezone(zone).date()
        return cls(
            request=request,
            own=own,
            selection=Selection.of(request.GET.dict(), today=today),
            zone=zone,
            actions=[
                one for one in known_actions() if is_seen(one, by=request.user, is_own=is_own)
            ],
        )

    def rows(self) -> QuerySet[AuditEntry]:
        """The rows that are looked for."""
        actions = [one for one in self.actions if self.selection.is_looked_for(one)]
        return self._visible(self.selection.rows(zone=self.zone), actions)

    def entry_or_404(self, pk: int) -> AuditEntry:
        """One row, whatever is looked for."""
        entry = self._visible(AuditEntry.objects.filter(pk=pk), self.actions).first()
        if entry is None:
            raise Http404
        return entry

    def whats(self) -> list[tuple[str, str, list[tuple[str, str]]]]:
        """The kinds that can be looked for, each with its actions."""
        kinds: dict[str, list[tuple[str, str]]] = {}
        for action in self.actions:
            kinds.setdefault(kind_of(action), []).append((action, text_of(action)))
        return sorted((label_of(kind), kind, found) for kind, found in kinds.items())

    def actors(self) -> list[tuple[str, str]]:
        """Who can be looked for: kinds, and people for those who see all of the provider."""
        kinds = [(kind.value, text) for kind, text in ACTOR_KINDS.items()]
        if self.own is not None or self.request.user.visible_organizations is not None:
            return kinds
        people = User.objects.filter(provider=self.request.provider).order_by("name", "pk")
        named = people.values_list("pk", "name")[:MOST_PEOPLE]
        return kinds + [(str(pk), name) for pk, name in named]

    def _visible(self, entries: QuerySet[AuditEntry], actions: list[str]) -> QuerySet[AuditEntry]:
        return visible_entries(entries, by=self.request.user, actions=actions, own=self.own)

    def context(self, **values: Any) -> dict[str, Any]:
        """What every page of the log needs."""
        prefix = "" if self.own is None else "own_"
        return {
            "is_own": self.own is not None,
            "organization": self.own,
            "list_name": f"{prefix}audit_log",
            "entry_name": f"{prefix}audit_entry",
            "export_name": f"{prefix}audit_log_export",
            "zone": self.zone,
            **values,
        }


@require_safe
def audit_log(request: PortalRequest, *, is_own: bool = False) -> HttpResponse:
    """The newest rows that are looked for, or those from `before` on; for htmx the table alone."""
    log = Log.of(request, is_own=is_own)
    before = Position.parse(request.GET.get("before", ""))
    entries, older = page_of(log.rows(), before=before)
    context = log.context(
        selection=log.selection,
        entries=entries,
        older=older,
        is_newest=before is None,
        names=organization_names(entries),
        text_of=text_of,
    )
    if request.htmx.target == "audit-log":
        return render(request, "tenants/_audit_log.html", context)
    context |= {"whats": log.whats(), "actors": log.actors()}
    return render(request, "tenants/audit_log.html", context)


@require_safe
def audit_entry(request: PortalRequest, entry_id: int, *, is_own: bool = False) -> HttpResponse:
    """One row with all that it says; 404 for one that the role does not include."""
    log = Log.of(request, is_own=is_own)
    entry = log.entry_or_404(entry_id)
    context = log.context(
        entry=entry,
        what=text_of(entry.action),
        changes=changed_values(entry),
        names=organization_names([entry]),
        actor_kind=ACTOR_KINDS.get(ActorKind(entry.actor_kind)) if entry.actor_kind else "",
    )
    return render(request, "tenants/audit_entry.html", context)


@require_safe
@reads_replica
def audit_log_export(request: PortalRequest, *, is_own: bool = False) -> HttpResponseBase:
    """The rows that are looked for as a table, the newest first, at most `MOST_EXPORTED`."""
    log = Log.of(request, is_own=is_own)
    entries = log.rows().order_by("-at", "-pk")[:MOST_EXPORTED]
    rows = _exported(entries.iterator(chunk_size=2_000), is_own=is_own)
    return table_download(request, name="audit-log", header=HEADER, rows=rows)


def _exported(entries: Iterator[AuditEntry], *, is_own: bool) -> Iterator[list[object]]:
    names = dict(Organization.objects.values_list("pk", "name"))
    for entry in entries:
        origin = ("", "", "") if is_own else _origin(entry)
        yield [
            instant_cell(entry.at, UTC),
            entry.actor_name,
            entry.actor_kind,
            entry.action,
            entry.subject,
            entry.subject_id or "",
            _name(names, entry.organization_id),
            _name(names, entry.impersonated_id),
            *origin,
            values_text(entry.before),
            values_text(entry.after),
        ]


def _origin(entry: AuditEntry) -> tuple[str, str, str]:
    return entry.ip_address or "", entry.user_agent, entry.request_id


def _name(names: dict[int, str], organization_id: int | None) -> str:
    return "" if organization_id is None else names.get(organization_id, "")
