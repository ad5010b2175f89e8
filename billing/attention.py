"""What needs a person now: limits, licences, requests, charges and invoices, worst first."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum
from django.urls import reverse

from billing.licences import Standing, licences
from billing.models import ChargeAttempt, Invoice
from billing.money import format_money
from tenants.cap_requests.models import CapRequest
from tenants.models import MeteringPolicy
from usage.badges import limit_reached, near_limit
from usage.levels import organizations_with_usage
from usage.periods import Month

NAMED = 5
REFUSED = (ChargeAttempt.State.FAILED, ChargeAttempt.State.NEEDS_CONFIRMATION)


class Severity(IntEnum):
    """How much it hurts to wait; the order of the list."""

    DANGER = 1
    WARNING = 2
    INFO = 3


@dataclass(frozen=True, slots=True)
class Matter:
    """One line of the list: what it is, whom it is about, and the page where it is settled.

    `names` are the first few, `more` is how many others there are.
    """

    severity: Severity
    title: str
    url: str
    detail: str = ""
    names: tuple[str, ...] = ()
    more: int = 0


def matters(*, sees_money: bool, decides_caps: bool, now: datetime) -> list[Matter]:
    """Everything that waits for this person: no money without `sees_money`, and only the
    organizations they may see.
    """
    policy = MeteringPolicy.objects.get(pk=1)
    zone = ZoneInfo(policy.billing_time_zone)
    month, today = Month.of(now, zone), now.astimezone(zone).date()
    found = _limits(month=month, free_user_limit=policy.free_user_limit)
    if decides_caps:
        found += _requests()
    if sees_money:
        found += [*_licences(month), *_refused_charges(), *_open_invoices(today)]
    return sorted(found, key=lambda matter: matter.severity)


def _limits(*, month: Month, free_user_limit: int | None) -> list[Matter]:
    usage = reverse("usage")
    organizations = organizations_with_usage(month=month)
    reached = organizations.filter(limit_reached(free_user_limit=free_user_limit))
    near = organizations.filter(near_limit(free_user_limit=free_user_limit))
    return [
        *_about(reached, Severity.DANGER, "at the limit of users", f"{usage}?filter=reached"),
        *_about(near, Severity.WARNING, "near the limit of users", f"{usage}?filter=near"),
    ]


def _about(organizations: QuerySet[Any], severity: Severity, what: str, url: str) -> list[Matter]:
    total, names = _first_few(organizations.order_by("name", "pk"), "name")
    title = f"{_counted(total, 'organization')} {what}"
    return [_naming(severity, title, url, names, total)] if total else []


def _first_few(rows: QuerySet[Any], column: str) -> tuple[int, list[str]]:
    """How many rows there are, and the first few by name."""
    names = list(rows.values_list(column, flat=True)[: NAMED + 1])
    return (rows.count() if len(names) > NAMED else len(names)), names[:NAMED]


def _naming(severity: Severity, title: str, url: str, names: list[str], total: int) -> Matter:
    return Matter(severity, title, url, names=tuple(names), more=total - len(names))


def _requests() -> list[Matter]:
    requests = CapRequest.objects.visible().open().order_by("asked_at", "pk")
    total, names = _first_few(requests, "organization__name")
    title, url = f"{_counted(total, 'request')} for a higher cap", reverse("cap_request_list")
    return [_naming(Severity.WARNING, title, url, names, total)] if total else []


def _licences(month: Month) -> list[Matter]:
    current = licences(month=month)
    if current is None or current.standing is Standing.FREE:
        return []
    url, of = reverse("licences"), f"{current.in_use:,} of {current.committed:,} in use"
    if current.over:
        title = f"{current.over:,} {current.unit} above your commitment"
        return [Matter(Severity.DANGER, title, url, detail=of)]
    return [Matter(Severity.WARNING, "Licences are running out", url, detail=of)]


def _refused_charges() -> list[Matter]:
    last = ChargeAttempt.objects.filter(invoice=OuterRef("pk")).order_by("-pk")
    refused = (
        Invoice.objects.outstanding()
        .annotate(last_state=Subquery(last.values("state")[:1]))
        .filter(last_state__in=REFUSED)
    )
    total, numbers = _first_few(refused.oldest_first(), "number")
    title = f"{_counted(total, 'charge')} not let through by the bank"
    url = reverse("billing_information")
    return [_naming(Severity.DANGER, title, url, numbers, total)] if total else []


def _open_invoices(today: date) -> list[Matter]:
    waiting = Invoice.objects.outstanding()
    found = []
    for which, severity, what in (
        (Q(due_date__lt=today), Severity.DANGER, "overdue"),
        (Q(due_date__gte=today), Severity.INFO, "open"),
    ):
        invoices = waiting.filter(which)
        total, numbers = _first_few(invoices.oldest_first(), "number")
        if not total:
            continue
        sums = invoices.order_by().values_list("currency").annotate(owed=Sum("owed_total"))
        amounts = ", ".join(format_money(minor, currency) for currency, minor in sums)
        title = f"{_counted(total, 'invoice')} {what}: {amounts}"
        found.append(_naming(severity, title, reverse("payment_history"), numbers, total))
    return found


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
