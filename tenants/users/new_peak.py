"""Whether an addition of users or devices makes a new peak of the month, and what that costs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from core.metrics import Metric
from tenants.models import Organization


@dataclass(frozen=True, slots=True)
class Addition:
    """So many users or devices (`metric`) that are to be added to an organization."""

    organization: Organization
    metric: Metric
    how_many: int


@dataclass(frozen=True, slots=True)
class NewPeak:
    """An addition that raises what is billed for the running month.

    `peak` is the month's high-water mark so far and `level` what it would become. `cost` is what
    the month's bill grows by, tax included, as text; `added` units more at `unit_price` before tax.
    `starts_overage`: the first to lie above the commitment; `committed` is None without one.
    """

    metric: Metric
    peak: int
    level: int
    added: int
    cost: str
    unit_price: str
    committed: int | None = None
    starts_overage: bool = False


# The new peak that an addition would make and that costs something, or None. Pages that add users
# or devices get one with their route, from the floor that knows what a peak costs (billing).
NewPeakOf = Callable[[Addition, datetime], NewPeak | None]
