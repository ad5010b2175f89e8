"""The dashboard's list "Needs attention": alerts, cap requests and open invoices, worst first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, DateField, F, QuerySet, Sum, Window
from django.db.models.functions import RowNumber
from django.urls import reverse

from billing.models import Invoice
from billing.money import format_money
from core.given import Given
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


# Queries by name, and the rows that they found.
Queries = dict[str, QuerySet[Any, Any]]
Found = Mapping[str, Sequence[Mapping[str, Any]]]


def attention_queries(*, sees_money: bool, decides_caps: bool) -> Queries:
    """What `attention_items` needs, of which the page makes one statement; `today` is given.

    Billing only with `sees_money`, cap requests only with `decides_caps`, and of both only the
    organizations that the user may see. An acknowledged alert is not listed.
    """
    queries: Queries = {
        "waiting_alerts": _waiting_alerts(Alert.objects.waiting().visible(sees_money=sees_money))
    }
    if decides_caps:
        requests = CapRequest.objects.visible().open().order_by("requested_at", "pk")
        queries["requests"] = _first_few(requests, "organization__name")
    if sees_money:
        # Invoices that are not due yet: an overdue balance is an alert.
        invoices = Invoice.objects.outstanding().filter(due_date__gte=Given("today", DateField()))
        queries["invoices"] = _first_few(invoices.oldest_first(), "number")
        queries["owed"] = invoices.order_by().values("currency").annotate(owed=Sum("owed_total"))
    return queries


def attention_items(found: Found) -> list[AttentionItem]:
    """The items of the rows that `attention_queries` found, the most severe first."""
    groups: dict[tuple[Kind, Severity], list[Mapping[str, Any]]] = {}
    for alert in found["waiting_alerts"]:
        sort_of = (Kind(alert["kind"]), Severity(alert["severity"]))
        groups.setdefault(sort_of, []).append(alert)
    items = [_item(kind, severity, group) for (kind, severity), group in groups.items()]
    if requests := found.get("requests"):
        title = f"{counted_noun(requests[0]['total'], 'requests')} for a higher cap"
        items.append(_naming(Severity.WARNING, title, reverse("cap_request_list"), requests))
    if invoices := found.get("invoices"):
        amounts = ", ".join(format_money(sum_["owed"], sum_["currency"]) for sum_ in found["owed"])
        title = f"{counted_noun(invoices[0]['total'], 'invoices')} open: {amounts}"
        items.append(_naming(Severity.INFO, title, reverse("payment_history"), invoices))
    return sorted(items, key=lambda item: -item.severity)


def _waiting_alerts(alerts: QuerySet[Alert]) -> QuerySet[Alert, Any]:
    """The first few of each kind and severity, and how many there are."""
    sort = [F("kind"), F("severity")]
    first_few = alerts.annotate(
        total=Window(Count("pk"), partition_by=sort),
        place=Window(
            RowNumber(), partition_by=sort, order_by=[F("organization__name"), F("opened_at")]
        ),
    ).filter(place__lte=NAMED)
    named = first_few.order_by("-severity", "kind", "place").annotate(name=F("organization__name"))
    return named.values("pk", "kind", "severity", "title", "text", "name", "total")


def _first_few(rows: QuerySet[Any], column: str) -> QuerySet[Any, Any]:
    """The first few by this column as `name`, and how many there are."""
    return rows.values(name=F(column), total=Window(Count("pk")))[:NAMED]


def _item(kind: Kind, severity: Severity, alerts: Sequence[Mapping[str, Any]]) -> AttentionItem:
    total = alerts[0]["total"]
    of_organizations = OF_ORGANIZATIONS.get((kind, severity))
    if total == 1 and not of_organizations:
        alert = alerts[0]
        url = reverse("alert_detail", args=[alert["pk"]])
        return AttentionItem(severity, alert["title"], url, detail=alert["text"].partition("\n")[0])
    if of_organizations:
        title = f"{counted_noun(total, 'organizations')} {of_organizations}"
        column = "name"
    else:
        title = f"{counted_noun(total, f'{severity.label.lower()} alerts')}: {kind.label}"
        column = "title"
    query = urlencode({"kind": kind.value, "severity": severity.name.lower(), "filter": "waiting"})
    return _naming(severity, title, f"{reverse('alert_list')}?{query}", alerts, column)


def _naming(
    severity: Severity,
    title: str,
    url: str,
    rows: Sequence[Mapping[str, Any]],
    column: str = "name",
) -> AttentionItem:
    names = tuple(row[column] for row in rows)
    return AttentionItem(severity, title, url, names=names, more=rows[0]["total"] - len(names))
