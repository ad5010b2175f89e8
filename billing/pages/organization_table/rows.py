"""The rows of the list of organizations, its totals, and the figures beside each name.

The number of statements depends on the columns, and not on the number of organizations.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    F,
    Func,
    IntegerField,
    Max,
    Min,
    OuterRef,
    QuerySet,
    Subquery,
    TextField,
    When,
)
from django.db.models.functions import Coalesce, Greatest, Lower
from django.db.models.lookups import GreaterThan

from billing.pages.organization_table.state import (
    NAME,
    NEAR_CAP,
    TROUBLE,
    WITH_ALERTS,
    State,
)
from core.given import Given
from core.listing import ROWS_PER_PAGE
from core.months import Month
from core.names import name_key
from core.remembered import NUMBER, remembered
from core.scope import within
from tenants.models import Alert, Organization, OrganizationTag, Severity
from usage.cap_badges import limit_reached, near_limit
from usage.ledger.month_peaks import organizations_with_usage

_ORDERS: dict[str, Any] = {
    NAME: Lower("name"),
    "hwm": F("this_month_hwm"),
    "cap": F("user_cap"),
    "trend": F("this_month_hwm") - F("last_month_hwm"),
    "created": F("created_at"),
    "tags": F("first_tag"),
}


class Row(NamedTuple):
    """An organization in the table; `cost_minor` is before tax, `severity` of its worst alert."""

    pk: int
    name: str
    users: int
    devices: int
    this_month_hwm: int
    user_cap: int | None
    cost_minor: int
    alerts: int
    severity: int
    created_at: datetime


class Figures(NamedTuple):
    """What is read or calculated apart from the organizations, by their id.

    A statement that looks for each organization's alerts, among 5,000, takes most of a page's time;
    this one gets them as JSON, and still sorts, filters and adds up by them.
    """

    cost_minor: Mapping[int, int]
    alerts: Mapping[int, int]
    severity: Mapping[int, int]


class Totals(NamedTuple):
    """The sums over all matching organizations, and their number."""

    number: int
    users: int
    devices: int
    this_month_hwm: int
    cost_minor: int
    alerts: int


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which organizations are listed and what is read of them: what a statement is built of."""

    month: Month
    free_user_limit: int | None
    is_searched: bool
    is_tagged: bool
    is_archived: bool
    filter: str

    def rows(self) -> QuerySet[Organization]:
        """The matching organizations with their figures."""
        among = Organization.objects.visible()
        if self.is_archived:
            among = Organization.objects.archived().filter(within("pk"))
        if self.is_searched:
            among = among.filter(name_key__contains=Given("search", TextField()))
        if self.is_tagged:
            among = among.filter(tags__key=Given("tag", TextField()))
        rows: QuerySet[Organization] = organizations_with_usage(month=self.month, among=among)
        rows = rows.annotate(
            **{name: _FigureOf(Given(name, TextField()), F("pk")) for name in Figures._fields}
        )
        if self.filter == NEAR_CAP:
            limits = {"free_user_limit": self.free_user_limit}
            rows = rows.filter(limit_reached(**limits) | near_limit(**limits))
        elif self.filter == WITH_ALERTS:
            rows = rows.filter(GreaterThan(F("alerts"), 0))
        return rows


class _FigureOf(Func):
    """The figure of the organization in a JSON object of figures by id; 0 for one without."""

    template = "coalesce((%(expressions)s::text)::bigint, 0)"
    arg_joiner = "::jsonb ->> "
    output_field = BigIntegerField()


@remembered
def _rows_from(
    choice: _Choice, offset: int, sort: str, limit: int | None
) -> QuerySet[Organization, Any]:
    rows = choice.rows()
    column, descends = sort.removeprefix("-"), sort.startswith("-")
    if column == TROUBLE:
        rows = rows.order_by(*_trouble_first(choice.free_user_limit, reverse=descends))
    else:
        if column == "tags":
            tags = OrganizationTag.objects.filter(organization=OuterRef("pk")).order_by()
            first = tags.values("organization").annotate(key_=Min("key")).values("key_")
            rows = rows.alias(first_tag=Subquery(first))
        key = _ORDERS.get(column, F("cost_minor" if column == "cost" else column))
        # No cap sorts as the highest one, no tag as the last.
        order = key.desc(nulls_first=True) if descends else key.asc(nulls_last=True)
        rows = rows.order_by(order, Lower("name"), "pk")
    end = None if limit is None else offset + limit
    return rows.values_list(*Row._fields)[offset:end]


def _trouble_first(free_user_limit: int | None, *, reverse: bool) -> list[Any]:
    """The worst alert or cap first, then the most alerts, then the least room below the cap."""
    limits = {"free_user_limit": free_user_limit}
    of_cap = Case(
        When(limit_reached(**limits), then=Severity.CRITICAL.value),
        When(near_limit(**limits), then=Severity.WARNING.value),
        default=0,
        output_field=IntegerField(),
    )
    worst, room = Greatest(F("severity"), of_cap), F("user_cap") - F("users")
    if reverse:
        return [worst.asc(), F("alerts").asc(), room.desc(nulls_first=True), Lower("name"), "pk"]
    return [worst.desc(), F("alerts").desc(), room.asc(nulls_last=True), Lower("name"), "pk"]


@remembered
def _totals(choice: _Choice) -> QuerySet[Organization, Any]:
    sums = {
        f"{name}_sum": Coalesce(
            Func(F(name), function="SUM", output_field=BigIntegerField()),
            0,
            output_field=BigIntegerField(),
        )
        for name in Totals._fields[1:]
    }
    rows = choice.rows().order_by()
    return rows.annotate(number=NUMBER, **sums).values_list("number", *sums)


def open_alerts(*, sees_money: bool) -> tuple[dict[int, int], dict[int, int]]:
    """The number of open alerts, and the worst severity, by organization; one statement.

    Of the alerts that the person may see.
    """
    alerts = Alert.objects.visible(sees_money=sees_money).open().order_by()
    rows = alerts.filter(organization__isnull=False).values_list("organization")
    found = list(rows.annotate(number=Count("pk"), worst=Max("severity")))
    return {pk: number for pk, number, _ in found}, {pk: worst for pk, _, worst in found}


@dataclass(frozen=True, slots=True)
class Found:
    """Reads the rows and the totals of one state of the list."""

    state: State
    month: Month
    free_user_limit: int | None
    # Empty where the person may not see them.
    figures: Figures

    @property
    def _choice(self) -> _Choice:
        return _Choice(
            month=self.month,
            free_user_limit=self.free_user_limit,
            is_searched=bool(self._given["search"]),
            is_tagged=bool(self.state.tag),
            is_archived=self.state.is_archived,
            filter=self.state.listing.filter,
        )

    @property
    def _given(self) -> dict[str, str]:
        return {
            "search": name_key(self.state.listing.search),
            "tag": self.state.tag,
            **{name: json.dumps(each) for name, each in self.figures._asdict().items()},
        }

    def rows(self, offset: int = 0, *, limit: int | None = ROWS_PER_PAGE) -> list[Row]:
        """The rows from `offset` on; all of them without a `limit`. One statement."""
        statement = _rows_from(self._choice, offset, self.state.listing.sort, limit)
        return [Row(*row) for row in statement.rows(**self._given)]

    def totals(self) -> Totals:
        """The sums over all matching organizations, whatever the page. One statement."""
        ((*sums,),) = _totals(self._choice).rows(**self._given)
        return Totals(*(int(each) for each in sums))

    def organizations(self) -> QuerySet[Organization]:
        """The matching organizations, for an action on them."""
        ids: Sequence[int] = [row.pk for row in self.rows(limit=None)]
        return Organization.objects.filter(pk__in=ids)
