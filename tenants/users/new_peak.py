"""The new peak of the month that an addition would make, and its cost."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from core.metrics import Metric
from tenants.models import Organization


@dataclass(frozen=True, slots=True)
class Addition:
    """A number of users or devices (`metric`) to be added to an organization."""

    organization: Organization
    metric: Metric
    count: int


@dataclass(frozen=True, slots=True)
class NewPeak:
    """An addition that raises the billed quantity of the running month.

    `peak` is the month's high-water mark so far, `level` the one after the addition; with
    `is_combined`, both are of all organizations together, which only readers of amounts may see.
    `cost` is the increase of the month's bill including tax, as text, for `added` units at
    `unit_price` before tax. `starts_overage` is True for the first addition above the commitment;
    `committed` is None without one. `own_level` is the organization's own count after the addition;
    a confirmation carries it.
    """

    metric: Metric
    peak: int
    level: int
    own_level: int
    added: int
    cost: str
    unit_price: str
    committed: int | None = None
    starts_overage: bool = False
    is_combined: bool = False


# Returns the new peak of an addition at an instant, or None when it costs nothing. Pages that add
# users or devices get it with their route from billing, the app above that computes costs.
NewPeakOf = Callable[[Addition, datetime], NewPeak | None]
