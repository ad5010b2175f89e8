"""Reads each place that shows a month: what an organization had, its amount, and the totals.

Each function returns quantities, and amounts in minor units, by the organization's id; None stands
for a place that does not show it.
"""

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.proofs.truth_replay import DECIMALS

Month = tuple[int, int]


@dataclass
class Shown:
    """What one place shows of a month; a total that it does not show is None."""

    place: str
    quantities: dict[int, int] = field(default_factory=dict)
    amounts: dict[int, int] | None = None
    total_minor: int | None = None
    adjustments: Counter[int | None] | None = None


def text_of(month: Month) -> str:
    """The month as addresses have it: 2025-07."""
    return f"{month[0]}-{month[1]:02d}"


def minor_of(text: str, currency: str) -> int:
    """Minor units of an amount as printed: "$1,234.50" or "1234.50"."""
    number = re.sub(r"[^\d.\-]", "", text.replace("−", "-"))
    return int(Decimal(number).scaleb(DECIMALS[currency]))


def rows_of(content: bytes) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def of_rows(month: Month, metrics: Iterable[str]) -> Shown:
    """The month's rows in the database, by plain SQL."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT organization_id, max(high_water_mark) FROM usage_monthlyusage"
            " WHERE month = %s AND metric = ANY (%s) GROUP BY 1",
            [f"{text_of(month)}-01", list(metrics)],
        )
        return Shown("row", {pk: mark for pk, mark in cursor.fetchall() if mark})


def of_invoices(invoices: Iterable[Any]) -> Shown:
    """The lines of the month's invoices."""
    shown = Shown("invoice", amounts={}, total_minor=0, adjustments=Counter())
    for invoice in invoices:
        lines = invoice.lines.all()
        _put_lines(
            shown,
            [
                (line.kind, line.organization_id, int(line.quantity), line.amount_minor,
                 line.adjusted_month is not None)
                for line in lines
            ],
        )  # fmt: skip
        shown.total_minor += invoice.total_minor
    return shown


def of_csv(invoices: Iterable[Any], currency: str) -> Shown:
    """The stored CSV documents of the month's invoices, without balances carried from others."""
    shown = Shown("csv", amounts={}, total_minor=0, adjustments=Counter())
    for invoice in invoices:
        content = bytes(invoice.documents.get(format="csv").content)
        rows = [row for row in rows_of(content) if row["Kind"] != "carried"]
        _put_lines(
            shown,
            [
                (
                    row["Kind"],
                    int(row["Organization ID"]) if row["Organization ID"] else None,
                    int(row["Quantity"]),
                    minor_of(row["Amount"], currency),
                    bool(row["Reported late for month"]),
                )
                for row in rows
                if row["Quantity"]
            ],
        )
        shown.total_minor += sum(minor_of(row["Amount"], currency) for row in rows)
    return shown


def _put_lines(shown: Shown, lines: Iterable[tuple[str, int | None, int, int, bool]]) -> None:
    for kind, organization_id, quantity, minor, is_late in lines:
        if is_late:
            if minor:
                shown.adjustments[organization_id] += minor
        elif organization_id is not None and kind in ("usage", "basis"):
            shown.quantities[organization_id] = quantity
            if kind == "usage":
                shown.amounts[organization_id] = minor


def of_pdf(invoices: Iterable[Any], names: Mapping[str, int], currency: str) -> Shown:
    """The text of the stored PDF documents of the month's invoices."""
    from pypdf import PdfReader

    shown = Shown("pdf", amounts={}, total_minor=0)
    for invoice in invoices:
        content = bytes(invoice.documents.get(format="pdf").content)
        pages = [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]
        lines = [line.strip() for line in "\n".join(pages).splitlines()]
        _put_text(shown, lines, names, currency)
    return shown


def _put_text(shown: Shown, lines: Sequence[str], names: Mapping[str, int], currency: str) -> None:
    """After an organization's name, the quantity follows; after that, its price and amount.

    A long price or amount continues on the next lines.
    """
    name = None
    for number, line in enumerate(lines):
        name = line if line in names else name
        found = re.match(r"([\d,]+) (?:users?|devices?|seats?|MAU)( .*)?$", line)
        if line.startswith("Total "):
            shown.total_minor += minor_of(line, currency)
        if name is None or found is None:
            continue
        shown.quantities[names[name]] = int(found[1].replace(",", ""))
        further = itertools.takewhile(re.compile(r"\S*\d").fullmatch, lines[number + 1 :])
        printed = [*(found[2] or "").split(), *further]
        if printed:
            shown.amounts[names[name]] = minor_of(printed[-1], currency)
        name = None


def of_api(system: Any, month: Month, ids: Iterable[int], metrics: Iterable[str]) -> Shown:
    """The answers of the API, one for each organization."""
    shown = Shown("api")
    for pk in ids:
        answer = system.get(f"/organizations/{pk}/usage/{text_of(month)}").json()
        if mark := max(answer[metric]["high_water_mark"] for metric in metrics):
            shown.quantities[pk] = mark
    return shown


def of_pages(client: Any, month: Month, ids: Iterable[int], metrics: Iterable[str]) -> Shown:
    """The pages that explain the number, one for each organization."""
    shown = Shown("page")
    for pk in ids:
        marks = []
        for metric in metrics:
            path = f"/account/usage/{pk}/why/{text_of(month)}/?metric={metric}"
            found = re.search(r"Why ([\d,]+)\?", client.get(path).text)
            marks.append(int(found[1].replace(",", "")) if found else -1)
        if mark := max(marks):
            shown.quantities[pk] = mark
    return shown


def of_history(client: Any, month: Month, metrics: Iterable[str]) -> Shown:
    """The usage history's CSV."""
    shown = Shown("history")
    for metric in metrics:
        for row in rows_of(client.get(f"/account/usage/history.csv?metric={metric}").content):
            mark = int(row[text_of(month)])
            if row["Organization ID"] and mark:
                pk = int(row["Organization ID"])
                shown.quantities[pk] = max(mark, shown.quantities.get(pk, 0))
    return shown


def of_active_rows(month: Month) -> Shown:
    """The counters of active users, by plain SQL."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT organization_id, count FROM usage_activemonth WHERE month = %s",
            [f"{text_of(month)}-01"],
        )
        return Shown("row", {pk: count for pk, count in cursor.fetchall() if count})


def of_activity_api(system: Any, month: Month, ids: Iterable[int]) -> Shown:
    """The numbers of active users in the API, one answer for each organization."""
    shown = Shown("api")
    for pk in ids:
        answer = system.get(f"/organizations/{pk}/activity/{text_of(month)}").json()
        if answer["active_users"]:
            shown.quantities[pk] = answer["active_users"]
    return shown


def of_activity_pages(client: Any, month: Month, ids: Iterable[int]) -> Shown:
    """The pages that explain the number of active users, one for each organization."""
    shown = Shown("page")
    for pk in ids:
        page = client.get(f"/account/active-users/{pk}/why/{text_of(month)}/")
        if count := page.context["explanation"].count:
            shown.quantities[pk] = count
    return shown


def of_statement(client: Any, month: Month, currency: str) -> tuple[Shown, Shown]:
    """The statement's own counts, and what it says is charged, from its CSV."""
    path = f"/integrations/autotask/statement.csv?month={text_of(month)}"
    rows = rows_of(client.get(path).content)
    own, charged = Shown("statement"), Shown("statement_charged", amounts={}, total_minor=0)
    for row in rows:
        charged.total_minor += minor_of(row["Charged amount"] or "0", currency)
        if not row["Organization ID"]:
            continue
        pk = int(row["Organization ID"])
        if int(row["Own count"]):
            own.quantities[pk] = int(row["Own count"])
        if row["Charged quantity"]:
            charged.quantities[pk] = int(row["Charged quantity"])
            charged.amounts[pk] = minor_of(row["Charged amount"], currency)
    return own, charged


def of_preview(client: Any, month: Month, currency: str) -> Shown:
    """The preview's CSV, and the total of its page."""
    shown = Shown("preview", amounts={})
    for row in rows_of(client.get(f"/account/next-invoice.csv?month={text_of(month)}").content):
        pk = int(row["Organization ID"])
        if int(row["This month"]):
            shown.quantities[pk] = int(row["This month"])
            if row["Amount this month"]:
                shown.amounts[pk] = minor_of(row["Amount this month"], currency)
    page = client.get(f"/account/next-invoice/?month={text_of(month)}")
    shown.total_minor = page.context["preview"].plan.total_minor
    return shown


def of_psa(month: Month) -> Shown:
    """The quantities that the PSA sync would set."""
    from core.months import Month as BillingMonth
    from integrations.autotask.sync.desired import desired_quantities

    quantities, _ = desired_quantities(month=BillingMonth(*month))
    return Shown("psa", {pk: quantity for pk, quantity in quantities.items() if quantity})


def bills_so_far(client: Any, month: Month, currency: str) -> dict[str, int]:
    """The running month's bill in each place that shows it; 0 where nothing is billed."""
    dashboard = client.get("/dashboard/").context["bill"]
    forecast = client.get("/account/usage/forecast/").context["bill"]
    preview = client.get(f"/account/next-invoice/?month={text_of(month)}").context["preview"]
    statement = client.get(f"/integrations/autotask/statement/?month={text_of(month)}")
    _, charged = of_statement(client, month, currency)
    return {
        "dashboard": dashboard.total_minor if dashboard else 0,
        "forecast": forecast.locked_in_minor if forecast else 0,
        "preview": preview.plan.total_minor,
        "statement": statement.context["statement"].charges.total_minor,
        "statement_csv": charged.total_minor or 0,
    }
