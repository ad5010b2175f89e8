"""An invoice's lines as the document's tables show them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from zoneinfo import ZoneInfo

from billing.choices import LineKind
from billing.documents.explanation_links import explanation_url
from billing.documents.text_fitting import printable
from billing.formatting import instant_text, month_text, quantity_text
from billing.models import InvoiceLine
from billing.money import format_money, format_unit_price
from billing.rating.line_texts import counted_as
from core.metrics import Metric
from usage.formatting import counted_noun

_LONGEST_PERSON = 60
# Sorts before every month that was.
NOT_LATE = date.min


@dataclass(frozen=True, slots=True)
class Charge:
    """One row of a table; `note` says when and by whom the quantity was reached.

    `why_url` is the whole address of the page that explains it, empty for a row of none.
    """

    name: str
    note: str
    quantity: str
    unit_price: str
    amount: str
    why_url: str = ""


def charge(line: InvoiceLine, *, currency: str, zone: ZoneInfo, month: date) -> Charge:
    """A line by itself; a basis line has neither price nor amount."""
    is_free = line.kind == LineKind.BASIS
    is_late = line.adjusted_month is not None
    name = line.description if is_late else line.organization_name or line.description
    return Charge(
        name=printable(name),
        note=" ".join(filter(None, (printable(line.reason), peak_note(line, zone=zone)))),
        quantity=quantity_text(line.quantity, line.unit),
        unit_price="" if is_free else format_unit_price(line.unit_price, currency),
        amount="" if is_free else format_money(line.amount_minor, currency),
        why_url=explanation_url(line, month=month),
    )


def charges_by_price(lines: Iterable[InvoiceLine], *, currency: str) -> Iterator[Charge]:
    """The lines summed up: a row for each metric and unit price, and each month told late."""
    ordered = sorted(lines, key=_metric_and_price)
    for (late, metric, price), members in groupby(ordered, key=_metric_and_price):
        group = list(members)
        what = _capitalized(counted_as(Metric(metric)))
        if late != NOT_LATE:
            what = f"{what}, told late of {month_text(late)},"
        yield Charge(
            name=f"{what} in {counted_noun(len(group), 'organizations')}",
            note="The sum of their lines, each with its own amount",
            quantity=quantity_text(
                sum((line.quantity for line in group), Decimal(0)), group[0].unit
            ),
            unit_price=format_unit_price(price, currency),
            amount=format_money(sum(line.amount_minor for line in group), currency),
        )


def _capitalized(phrase: str) -> str:
    return phrase[0].upper() + phrase[1:]


def _metric_and_price(line: InvoiceLine) -> tuple[date, str, Decimal]:
    return line.adjusted_month or NOT_LATE, line.metric, line.unit_price


def peak_note(line: InvoiceLine, *, zone: ZoneInfo) -> str:
    """When an organization's peak was reached and by whom; empty for a line of no organization.

    Whom they added is not said: an invoice goes to people with no need to know a client's staff.
    """
    if line.organization_id is None:
        return ""
    if line.peak_at is None:
        return "Carried in from the month before and not passed"
    reached = f"Reached {instant_text(line.peak_at, zone)}"
    actor = printable(line.peak_actor_name, longest=_LONGEST_PERSON)
    return f"{reached} by {actor}" if actor else reached
