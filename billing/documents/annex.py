"""The annex of a long invoice: one preformatted line for each organization.

A table of 2,000 rows takes the renderer ten times as long (docs/facts/performance.md, Documents),
so the columns are cells of a monospaced font. A text with characters of another font has another
width; it is marked as foreign, and the page sets it in a box of the column's width.
"""

from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from billing.documents.explanation_links import explanation_url
from billing.documents.naming import Numbered, Shown
from billing.documents.text_fitting import fitted, is_monospaced, printable
from billing.formatting import quantity_text, sortable_instant
from billing.models import InvoiceLine
from billing.money import format_money, format_unit_price

_GAP = "  "
_POSITION, _QUANTITY, _REACHED, _PERSON = 4, 14, 26, 21
_LATE_MONTH = len("Sep 2026: ")
# Cells of the widest letters of foreign texts.
_WIDEST = 4


@dataclass(frozen=True, slots=True)
class Columns:
    """Widths of columns in cells of half an em; invoice.css has the same for foreign texts."""

    name: int
    unit_price: int
    amount: int


CHARGES = Columns(name=36, unit_price=13, amount=14)
# Lines that a commitment covers have no price, so the names get its width.
SHARES = Columns(name=63, unit_price=0, amount=0)


@dataclass(frozen=True, slots=True)
class AnnexLine:
    """The texts of a line in their order; a `foreign_…` flag marks one that needs a box.

    `why_url` is the address of the page that explains the quantity, linked from `position`, or "".
    """

    indent: str
    position: str
    why_url: str
    name: str
    foreign_name: bool
    figures: str
    actor: str
    foreign_actor: bool


def annex_line(
    line: InvoiceLine,
    *,
    columns: Columns,
    currency: str,
    zone: ZoneInfo,
    month: date | None,
    numbered: Numbered,
) -> AnnexLine:
    """The texts of a line; a longer name ends in an ellipsis at the width of its column.

    `month` is that of the invoice, or None for an annex without links.
    """
    name = printable(line.organization_name or line.description)
    if line.adjusted_month is not None:
        name = f"{line.adjusted_month:%b %Y}: {name}"
    name, foreign_name = _column(name, numbered.of_organization(line), columns.name)
    actor, foreign_actor = _column(
        printable(line.peak_actor_name), numbered.of_person(line), _PERSON
    )
    has_price = columns.unit_price > 0
    price = format_unit_price(line.unit_price, currency) if has_price else ""
    amount = format_money(line.amount_minor, currency) if has_price else ""
    reached = "carried in" if line.peak_at is None else sortable_instant(line.peak_at, zone)
    quantity = quantity_text(line.quantity, line.unit)
    return AnnexLine(
        indent=" " * (_POSITION - len(str(line.position))),
        position=str(line.position),
        why_url=explanation_url(line, month=month) if month else "",
        name=name,
        foreign_name=foreign_name,
        figures=_figures(columns, quantity, price, amount, reached),
        actor=actor.rstrip(),
        foreign_actor=foreign_actor,
    )


def _column(text: str, number: str, cells: int) -> tuple[str, bool]:
    """A text with its number, if it has one, as wide as the column; and whether it is foreign.

    The box of a foreign text is cut where it ends, so its number comes first.
    """
    if not is_monospaced(text):
        return (f"({number}) {text}" if number else text), True
    behind = f" ({number})" if number else ""
    return f"{fitted(text, cells - len(behind)).rstrip()}{behind}".ljust(cells), False


def in_column(columns: Columns, *, has_late: bool) -> tuple[Shown, Shown]:
    """What the column has of a name; before it is a month where lines are late."""
    return _what_fits(columns.name - (_LATE_MONTH if has_late else 0))


def in_persons_column() -> tuple[Shown, Shown]:
    """What the column has of the name of a person."""
    return _what_fits(_PERSON)


def _what_fits(cells: int) -> tuple[Shown, Shown]:
    """At most, and of a foreign text, whose width is not known here, at least."""

    def at_most(name: str) -> str:
        return printable(name)[:cells]

    def at_least(name: str) -> str:
        text = printable(name)
        return text[: cells if is_monospaced(text) else cells // _WIDEST]

    return at_most, at_least


def annex_heading(columns: Columns, *, is_combined: bool) -> str:
    """The headings of the columns, in the same cells; `is_combined`: counts at one instant."""
    has_price = columns.unit_price > 0
    price, amount = ("Unit price", "Amount") if has_price else ("", "")
    quantity, reached = ("Count", "Counted") if is_combined else ("HWM", "Reached")
    figures = _figures(columns, quantity, price, amount, reached)
    return f"{'':{_POSITION}} {'Organization':<{columns.name}}{figures}By"


def annex_sum(amount: str) -> str:
    """The last line of an annex of charges: the sum of its amounts."""
    before = CHARGES.name + _QUANTITY + CHARGES.unit_price
    return f"{'':{_POSITION}} {'Subtotal':<{before}}{amount:>{CHARGES.amount}}"


def _figures(columns: Columns, quantity: str, price: str, amount: str, reached: str) -> str:
    return (
        f"{quantity:>{_QUANTITY}}{price:>{columns.unit_price}}{amount:>{columns.amount}}"
        f"{_GAP}{reached:<{_REACHED}}{_GAP}"
    )
