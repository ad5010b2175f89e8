"""The dashboard's list "Needs you now": alerts, cap requests and open invoices, worst first."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, F, QuerySet, Sum, Window
from django.db.models.functions import RowNumber
from django.urls import reverse

from accounts.providers import current_provider
from billing.models import Invoice
from billing.money import format_money
from tenants.models import Alert, CapRequest, Severity
from tenants.models.alerts import Kind
from usage.formatting import counted_noun

NAMED = 5
# A single alert is listed by its title; alerts of these kinds are always listed by organization.
OF_ORGANIZATIONS = {
    (Kind.CAPS, Severity.CRITICAL): "at the limit of users",
    (Kind.CAPS, Severity.WARNING): "near the limit of users",
}


@dataclass(frozen=True, slots=True)
class AttentionItem:
    """One item of the list, with the page where it is settled.

    `names` are the first few organizations, alerts or invoices; `more` counts the others.
    """

    severity: Severity
    title: str
    url: str
    detail: str = ""
    names: tuple[str, ...] = ()
    more: int = 0


def attention_items(*, sees_money: bool, decides_caps: bool, now: datetime) -> list[AttentionItem]:
    """The items of the signed-in user, the most severe first.

    Billing only with `sees_money`, cap requests only with `decides_caps`, and of both only the
    organizations that the user may see. An acknowledged alert is not listed.
    """
    items = _alerts(Alert.objects.waiting().visible(sees_money=sees_money))
    if decides_caps:
        items += _requests()
    if sees_money:
        items += _open_invoices(now.astimezone(current_provider().billing_zone()).date())
    return sorted(items, key=lambda item: -item.severity)


def _alerts(alerts: QuerySet[Alert]) -> list[AttentionItem]:
    """One item for each kind and severity, in one statement."""
    sort = [F("kind"), F("severity")]
    first_few = alerts.annotate(
        total=Window(Count("pk"), partition_by=sort),
        place=Window(
            RowNumber(), partition_by=sort, order_by=[F("organization__name"), F("opened_at")]
        ),
    ).filter(place__lte=NAMED)
    groups: dict[tuple[Kind, Severity], list[Any]] = {}
    for alert in first_few.select_related("organization").order_by("-severity", "kind", "place"):
        sort_of = (Kind(alert.kind), Severity(alert.severity))
        groups.setdefault(sort_of, []).append(alert)
    return [_item(kind, severity, group) for (kind, severity), group in groups.items()]


def _item(kind: Kind, severity: Severity, alerts: list[Any]) -> AttentionItem:
    total = alerts[0].total
    of_organizations = OF_ORGANIZATIONS.get((kind, severity))
    if total == 1 and not of_organizations:
        alert = alerts[0]
        url = reverse("alert_detail", args=[alert.pk])
        return AttentionItem(severity, alert.title, url, detail=alert.text.partition("\n")[0])
    if of_organizations:
        title = f"{counted_noun(total, 'organizations')} {of_organizations}"
        names = [alert.organization.name for alert in alerts]
    else:
        title = f"{counted_noun(total, f'{severity.label.lower()} alerts')}: {kind.label}"
        names = [alert.title for alert in alerts]
    query = urlencode({"kind": kind.value, "severity": severity.name.lower(), "filter": "waiting"})
    return _naming(severity, title, f"{reverse('alert_list')}?{query}", names, total)


def _naming(
    severity: Severity, title: str, url: str, names: list[str], total: int
) -> AttentionItem:
    return AttentionItem(severity, title, url, names=tuple(names), more=total - len(names))


def _first_few(rows: QuerySet[Any], column: str) -> tuple[int, list[str]]:
    """How many rows there are, and the first few by name."""
    names = list(rows.values_list(column, flat=True)[: NAMED + 1])
    return (rows.count() if len(names) > NAMED else len(names)), names[:NAMED]


def _requests() -> list[AttentionItem]:
    requests = CapRequest.objects.visible().open().order_by("requested_at", "pk")
    total, names = _first_few(requests, "organization__name")
    title, url = f"{counted_noun(total, 'requests')} for a higher cap", reverse("cap_request_list")
    return [_naming(Severity.WARNING, title, url, names, total)] if total else []


def _open_invoices(today: date) -> list[AttentionItem]:
    """Invoices that are not due yet: an overdue balance is an alert."""
    invoices = Invoice.objects.outstanding().filter(due_date__gte=today)
    total, numbers = _first_few(invoices.oldest_first(), "number")
    if not total:
        return []
    sums = invoices.order_by().values_list("currency").annotate(owed=Sum("owed_total"))
    amounts = ", ".join(format_money(minor, currency) for currency, minor in sums)
    title = f"{counted_noun(total, 'invoices')} open: {amounts}"
    return [_naming(Severity.INFO, title, reverse("payment_history"), numbers, total)]
