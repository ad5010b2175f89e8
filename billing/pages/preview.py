"""A rehearsal as its page shows it, every value a text."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from billing.choices import Collection
from billing.formatting import date_text, instant_text
from billing.money import format_money, format_unit_price
from billing.preview.changes import Change, Kind
from billing.preview.month_preview import MonthPreview
from billing.rating.rate_month import InvoiceDraft, LineDraft
from core.listing import Listing
from tenants.models import Organization
from usage.explain.links import explanation_path
from usage.ledger.late_usage import LateUsageEvent

UNUSUAL = "unusual"
KINDS = {
    Kind.NEW: "New",
    Kind.GONE: "Gone",
    Kind.MORE: "More",
    Kind.LESS: "Less",
    Kind.SAME: "Same",
}
FILTERS = (*(kind.value for kind in KINDS), UNUSUAL)
_KEYS: dict[str, Callable[[Change], Any]] = {
    "name": lambda change: (change.name.casefold(), change.organization_id),
    "before": lambda change: change.before,
    "now": lambda change: change.now,
    "change": lambda change: abs(change.now - change.before),
}
SORTS = tuple(_KEYS)
INVOICES = {"usage": "Usage", "commitment": "Commitment", "overage": "Overage"}


@dataclass(frozen=True, slots=True)
class InvoiceRow:
    """An invoice that the close would issue; `is_charged` when the card pays it by itself."""

    kind: str
    lines: int
    subtotal: str
    tax: str
    total: str
    how: str
    is_charged: bool


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One organization; `more` is signed, `usual` empty where nothing is unusual."""

    name: str
    is_there: bool
    organization_id: int
    why_url: str
    kind: str
    kind_text: str
    before: str
    now: str
    by: str
    amount: str
    more: str
    usual: str


@dataclass(frozen=True, slots=True)
class PreviewPage:
    """What stands above the changes."""

    title: str
    total: str
    against: str
    invoices: list[InvoiceRow]
    unusual: int
    card: str
    card_risks: tuple[str, ...]
    is_card_charged: bool
    adjustments: list[tuple[str, str, str, str]]
    told_late: list[tuple[str, str, str]]

    @classmethod
    def of(cls, rehearsal: MonthPreview) -> "PreviewPage":
        """Every text of the page."""
        zone = rehearsal.provider.billing_zone()
        currency = rehearsal.currency
        card = rehearsal.card.card
        return cls(
            title=_title(rehearsal, zone),
            total=format_money(rehearsal.plan.total_minor, currency),
            against=_against(rehearsal),
            invoices=[_invoice(draft, rehearsal) for draft in rehearsal.plan.drafts],
            unusual=len(rehearsal.unusual),
            card=f"{card.brand.capitalize()} ending in {card.last_four}" if card else "",
            card_risks=rehearsal.card.risks,
            is_card_charged=bool(rehearsal.charged),
            adjustments=[_adjustment(line, currency) for line in rehearsal.adjustments],
            told_late=[_told(change, zone) for change in rehearsal.late_events],
        )


def changes_asked(changes: Iterable[Change], *, listing: Listing) -> list[Change]:
    """The changes that are searched and filtered, in the asked order."""
    search = listing.search.casefold()
    found = [
        change
        for change in changes
        if search in change.name.casefold() and _is_of(change, listing.filter)
    ]
    found.sort(key=_KEYS[listing.sort.removeprefix("-")], reverse=listing.sort.startswith("-"))
    return found


def _is_of(change: Change, kind: str) -> bool:
    if kind == UNUSUAL:
        return change.usual is not None
    return not kind or change.kind.value == kind


def tabs(changes: Sequence[Change]) -> list[tuple[str, str, int]]:
    """The filters with how many each has."""
    counted = [
        (kind.value, text, sum(1 for change in changes if change.kind is kind))
        for kind, text in KINDS.items()
    ]
    strange = sum(1 for change in changes if change.usual is not None)
    return [("", "All", len(changes)), *counted, (UNUSUAL, "Unusual", strange)]


def change_rows(changes: Iterable[Change], *, rehearsal: MonthPreview) -> list[ChangeRow]:
    """Rows of a page, each with the way to why its number is what it is."""
    changes = list(changes)
    living = set(
        Organization.objects.living()
        .filter(pk__in=[change.organization_id for change in changes])
        .values_list("pk", flat=True)
    )
    return [_row(change, rehearsal=rehearsal, living=living) for change in changes]


def _row(change: Change, *, rehearsal: MonthPreview, living: set[int]) -> ChangeRow:
    currency = rehearsal.currency
    by = change.now - change.before
    more = change.more_minor
    return ChangeRow(
        name=change.name,
        is_there=change.organization_id in living,
        organization_id=change.organization_id,
        why_url=explanation_path(
            organization_id=change.organization_id,
            month=rehearsal.month.first_day,
            metric=change.metric,
        ),
        kind=change.kind.value,
        kind_text=KINDS[change.kind],
        before=f"{change.before:,}",
        now=f"{change.now:,}",
        by=_signed(by, f"{abs(by):,}"),
        amount="" if change.now_minor is None else format_money(change.now_minor, currency),
        more="" if more is None else _signed(more, format_money(abs(more), currency)),
        usual="" if change.usual is None else f"{change.usual:g} is usual",
    )


def _signed(number: int, text: str) -> str:
    if number == 0:
        return "\N{EN DASH}"
    return f"+{text}" if number > 0 else f"\N{MINUS SIGN}{text}"


def _title(rehearsal: MonthPreview, zone: ZoneInfo) -> str:
    month = f"{rehearsal.month.first_day:%B %Y}"
    if not rehearsal.is_running:
        return f"{month} is over and will be closed"
    return f"{month} as of {instant_text(rehearsal.now, zone)}"


def _against(rehearsal: MonthPreview) -> str:
    last = rehearsal.last_total_minor
    if last is None:
        return f"{rehearsal.month.previous.first_day:%B} was not closed yet"
    more = rehearsal.plan.total_minor - last
    text = _signed(more, format_money(abs(more), rehearsal.currency))
    return f"{text} against {rehearsal.month.previous.first_day:%B}"


def _invoice(draft: InvoiceDraft, rehearsal: MonthPreview) -> InvoiceRow:
    currency = rehearsal.currency
    is_charged = draft.collection is Collection.AUTOMATIC
    card = rehearsal.card.card
    if is_charged and card is not None:
        how = f"Charged to the card ending in {card.last_four} on {date_text(rehearsal.charge_day)}"
    else:
        how = f"To {', '.join(rehearsal.recipients)}, due {date_text(rehearsal.due_day)}"
    return InvoiceRow(
        kind=INVOICES[draft.kind.value],
        lines=len(draft.lines),
        subtotal=format_money(draft.subtotal_minor, currency),
        tax=format_money(draft.tax_minor, currency),
        total=format_money(draft.total_minor, currency),
        how=how,
        is_charged=is_charged,
    )


def _adjustment(line: LineDraft, currency: str) -> tuple[str, str, str, str]:
    is_charged = line.amount_minor > 0
    return (
        line.description,
        line.reason,
        f"{line.quantity:,} × {format_unit_price(line.unit_price, currency)}" if is_charged else "",
        format_money(line.amount_minor, currency) if is_charged else "",
    )


def _told(change: LateUsageEvent, zone: ZoneInfo) -> tuple[str, str, str]:
    did = "added" if change.delta > 0 else "removed"
    by = f" by {change.actor_name}" if change.actor_name else ""
    return (
        change.organization_name,
        f"{change.subject_name} {did}{by}",
        instant_text(change.effective_at, zone),
    )
