"""The new peak of the month that an addition would make, its cost, and the bill after it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from core.metrics import Metric
from tenants.models import Organization


@dataclass(frozen=True, slots=True)
class Addition:
    """A number of users or devices (`metric`) to be added to an organization.

    With `is_move` they leave other organizations at the same instant.
    """

    organization: Organization
    metric: Metric
    count: int
    is_move: bool = False


@dataclass(frozen=True, slots=True)
class NewPeak:
    """An addition that raises the billed quantity of the running month.

    `peak` is the month's high-water mark so far, `level` the one after the addition; with
    `is_combined`, both are of all organizations together, which only readers of amounts may see.
    `cost` is the increase of the month's bill including tax, as text (`cost_minor` in minor units
    of the contract's currency), for `added` units at
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
    cost_minor: int = 0


@dataclass(frozen=True, slots=True)
class Bills:
    """The bill of the running month so far with tax, in minor units: now, and after additions.

    `growth_minor` has one amount for each number of additions; a bill never shrinks. `text` writes
    an amount in the currency of the contract.
    """

    before_minor: int
    growth_minor: Mapping[int, int]
    text: Callable[[int], str]

    @property
    def before(self) -> str:
        """The bill so far."""
        return self.text(self.before_minor)

    def after(self, additions: int) -> str:
        """The bill with these additions."""
        return self.text(self.before_minor + self.growth_minor[additions])

    def difference(self, fewer: int, more: int) -> str:
        """What `more` additions cost beyond `fewer`."""
        return self.text(self.growth_minor[more] - self.growth_minor[fewer])


# Returns the new peak of an addition at an instant, or None when it costs nothing. Pages that add
# users or devices get it with their route from billing, the app above that computes costs.
NewPeakOf = Callable[[Addition, datetime], NewPeak | None]

# Returns the bills after each of these numbers of additions to an organization, or None without a
# contract. For readers of amounts only.
BillsOf = Callable[[Organization, Metric, Collection[int], datetime], Bills | None]
