"""What each way of importing a checked file would do, with the bill after it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.utils import timezone

from core.metrics import Metric
from tenants.imports.reading.options import Category
from tenants.models import ImportRun
from tenants.users.new_peak import Addition, Bills, BillsOf, NewPeak, NewPeakOf


@dataclass(frozen=True, slots=True)
class Apart:
    """Lines of a category for which a person decides; `cost` is of counting them this month."""

    category: str
    label: str
    lines: int
    new: int
    people: list[dict[str, str]]
    may_include: bool
    is_included: bool
    cost: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """The dry run of a checked file. `bills` are None without a contract or the right to see them.

    The numbers of additions are keys of `bills`: of an import, of a sync that removes, and of one
    that suspends.
    """

    peak: NewPeak | None
    added: int
    sync: dict[str, Any]
    synced_removing: int = 0
    synced_suspending: int = 0
    bills: Bills | None = None
    apart: list[Apart] = field(default_factory=list)


def figures_of(run: ImportRun, new_peak: NewPeakOf, bills_after: BillsOf | None) -> Figures | None:
    """The figures of a checked import of users or devices; None for another one.

    Without `bills_after`, no amount is computed but that of the peak, which pages hide.
    """
    if run.state != ImportRun.State.CHECKED or run.kind == ImportRun.Kind.ACTIVITY:
        return None
    now = timezone.now()
    added, sync = run.new_lines, run.report.get("sync") or {}
    peak = new_peak(Addition(run.organization, Metric(run.kind), added), now) if added else None
    removing = sync.get("new", 0) - sync.get("gone", 0)
    suspending = sync.get("new", 0)
    apart = [_counts(run, each) for each in run.report.get("apart", [])]
    bills = _bills(run, bills_after, [added, removing, suspending, *_levels(added, apart)], now)
    return Figures(
        peak=peak,
        added=added,
        sync=sync,
        synced_removing=removing,
        synced_suspending=suspending,
        bills=bills,
        apart=[_priced(each, added, bills) for each in apart],
    )


def _counts(run: ImportRun, found: dict[str, Any]) -> Apart:
    category = str(found["category"])
    return Apart(
        category=category,
        label=Category(category).label,
        lines=found["lines"],
        new=found["new"],
        people=found["people"],
        may_include=found["may_include"],
        is_included=category in run.options.get("include", []),
    )


def _level(added: int, each: Apart) -> int:
    """The additions with the category's people if they are left out, and without them if not."""
    return added - each.new if each.is_included else added + each.new


def _levels(added: int, apart: list[Apart]) -> list[int]:
    return [_level(added, each) for each in apart if each.may_include]


def _bills(
    run: ImportRun, bills_after: BillsOf | None, counts: list[int], now: datetime
) -> Bills | None:
    if bills_after is None:
        return None
    return bills_after(run.organization, Metric(run.kind), set(counts), now)


def _priced(each: Apart, added: int, bills: Bills | None) -> Apart:
    if bills is None or not each.may_include:
        return each
    other = _level(added, each)
    return replace(each, cost=bills.difference(min(added, other), max(added, other)))
