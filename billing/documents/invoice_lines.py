"""The rows of the tables in an invoice document."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from zoneinfo import ZoneInfo

from billing.choices import LineKind
from billing.documents.explanation_links import explanation_url
from billing.documents.naming import Numbered, with_number
from billing.documents.periods import reached_text
from billing.documents.text_fitting import printable
from billing.formatting import month_text, quantity_text
from billing.models import InvoiceLine
from billing.money import format_money, format_unit_price
from billing.rating.rate_month import counted_as
from core.metrics import Metric
from usage.formatting import counted_noun

_LONGEST_PERSON = 60


def in_note(person: str) -> str:
    """What a note has of a person's name."""
    return printable(person, longest=_LONGEST_PERSON)


# Sorts before every month.
NOT_LATE = date.min


@dataclass(frozen=True, slots=True)
class Charge:
    """A row of a table; `note` says when and by whom the quantity was reached.

    `why_url` is the address of the page that explains it, or "".
    """

    name: str
    note: str
    quantity: str
    unit_price: str
    amount: str
    why_url: str = ""


def charge(
    line: InvoiceLine, *, currency: str, zone: ZoneInfo, month: date, numbered: Numbered
) -> Charge:
    """The row of one line; a basis line has no price and no amount."""
    is_free = line.kind == LineKind.BASIS
    is_late = line.adjusted_month is not None
    name = line.description if is_late else line.organization_name or line.description
    return Charge(
        name=with_number(printable(name), numbered.of_organization(line)),
        note=" ".join(
            filter(None, (printable(line.reason), peak_note(line, zone=zone, numbered=numbered)))
        ),
        quantity=quantity_text(line.quantity, line.unit),
        unit_price="" if is_free else format_unit_price(line.unit_price, currency),
        amount="" if is_free else format_money(line.amount_minor, currency),
        why_url=explanation_url(line, month=month),
    )


def charges_by_price(lines: Iterable[InvoiceLine], *, currency: str) -> Iterator[Charge]:
    """A row with the sum of the lines of each metric, unit price and late month."""
    ordered = sorted(lines, key=_metric_and_price)
    for (late, metric, price), members in groupby(ordered, key=_metric_and_price):
        group = list(members)
        quantity = counted_as(Metric(metric))
        text = quantity[0].upper() + quantity[1:]
        if late != NOT_LATE:
            text = f"{text}, reported late for {month_text(late)},"
        yield Charge(
            name=f"{text} in {counted_noun(len(group), 'organizations')}",
            note="The sum of their lines, each with its own amount",
            quantity=quantity_text(
                sum((line.quantity for line in group), Decimal(0)), group[0].unit
            ),
            unit_price=format_unit_price(price, currency),
            amount=format_money(sum(line.amount_minor for line in group), currency),
        )


def _metric_and_price(line: InvoiceLine) -> tuple[date, str, Decimal]:
    return line.adjusted_month or NOT_LATE, line.metric, line.unit_price


def peak_note(line: InvoiceLine, *, zone: ZoneInfo, numbered: Numbered) -> str:
    """When a peak was reached and by whom; empty for a line without one.

    It does not name the added user: the readers of an invoice need not know a client's staff.
    """
    if not line.has_peak:
        return ""
    if line.peak_at is None or (line.has_combined_peak and line.peak_event_id is None):
        return "Carried in from the month before and not passed"
    if line.is_combined_share:
        return f"Counted {reached_text(line.peak_at, zone)}"
    reached = f"Reached {reached_text(line.peak_at, zone)}"
    actor = with_number(in_note(line.peak_actor_name), numbered.of_person(line))
    return f"{reached} by {actor}" if actor else reached
