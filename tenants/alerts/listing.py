"""The list of alerts that a request selects: filters, search and order."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import F, Q
from django.db.models.functions import Lower

from accounts.requests import PortalRequest
from accounts.roles import Permission
from core.listing import Listing
from core.names import name_key
from core.plain_numbers import plain_id
from tenants.models import MONEY_KINDS, Alert, Organization, Severity
from tenants.models.alerts import AlertQuerySet, Kind

SORTS = ("severity", "title", "organization", "opened_at")
FILTERS = ("waiting", "resolved", "all")


@dataclass(frozen=True)
class AlertListing:
    """The state of the list, from the query string; unknown values are ignored."""

    listing: Listing
    kind: Kind | None
    severity: Severity | None
    organization: Organization | None

    @classmethod
    def of(cls, request: PortalRequest) -> "AlertListing":
        """Read `kind`, `severity` (a name), `organization` (an id) and what `Listing` reads."""
        query = request.GET
        is_open = query.get("filter", "") not in ("resolved", "all")
        names = {severity.name.lower(): severity for severity in Severity}
        return cls(
            listing=Listing.of(
                request,
                sorts=SORTS,
                default_sort="-severity" if is_open else "-opened_at",
                filters=FILTERS,
            ),
            kind=Kind(query["kind"]) if query.get("kind") in Kind.values else None,
            severity=names.get(query.get("severity", "")),
            organization=_organization(query),
        )

    @property
    def query(self) -> str:
        """The state as a query string, without the page; empty for the default list."""
        parts = {
            "q": self.listing.search,
            "filter": self.listing.filter,
            "kind": self.kind or "",
            "severity": self.severity.name.lower() if self.severity else "",
            "organization": str(self.organization.pk) if self.organization else "",
        }
        return urlencode({name: value for name, value in parts.items() if value})

    @property
    def is_narrowed(self) -> bool:
        """True when search, kind, severity or organization narrow the list."""
        return bool(self.listing.search or self.kind or self.severity or self.organization)

    def of_any_state(self, alerts: AlertQuerySet) -> AlertQuerySet:
        """The selected alerts, open and resolved."""
        if self.listing.search:
            text = self.listing.search
            alerts = alerts.filter(
                Q(title__icontains=text)
                | Q(text__icontains=text)
                | Q(organization__name_key__contains=name_key(text))
            )
        if self.kind:
            alerts = alerts.filter(kind=self.kind)
        if self.severity:
            alerts = alerts.filter(severity=self.severity)
        if self.organization:
            alerts = alerts.filter(organization=self.organization)
        return alerts

    def rows(self, alerts: AlertQuerySet) -> AlertQuerySet:
        """The selected alerts in order, with their organizations."""
        alerts = self.of_any_state(alerts).select_related("organization")
        if self.listing.filter == "":
            alerts = alerts.open()
        elif self.listing.filter == "waiting":
            alerts = alerts.waiting()
        elif self.listing.filter == "resolved":
            alerts = alerts.resolved()
        column = self.listing.sort.removeprefix("-")
        keys = {"title": Lower("title"), "organization": Lower("organization__name")}
        key = keys.get(column, F(column))
        descends = self.listing.sort.startswith("-")
        order = key.desc(nulls_last=True) if descends else key.asc(nulls_last=True)
        return alerts.order_by(order, "-opened_at", "-pk")


def _organization(query: Mapping[str, str]) -> Organization | None:
    pk = plain_id(query.get("organization", ""))
    return None if pk is None else Organization.objects.visible().filter(pk=pk).first()


def visible_alerts(request: PortalRequest) -> AlertQuerySet:
    """The alerts that the signed-in administrator may see."""
    return Alert.objects.visible(sees_money=request.user.may(Permission.VIEW_BILLING))


def kinds_for(request: PortalRequest) -> list[Kind]:
    """The kinds of alerts that the signed-in administrator may see."""
    sees_money = request.user.may(Permission.VIEW_BILLING)
    return [kind for kind in Kind if sees_money or kind not in MONEY_KINDS]
