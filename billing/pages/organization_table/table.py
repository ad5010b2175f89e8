"""The table that the list of organizations shows and downloads, within a person's rights."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.core.paginator import Page
from django.utils.safestring import SafeString

from accounts.models import Provider, User
from accounts.roles import Permission
from billing.invoicing.month_plan import MonthPlan, plan_month
from billing.money import major
from billing.pages.organization_table.rows import Figures, Found, Row, Totals, open_alerts
from billing.pages.organization_table.state import State
from core.charts import sparkline
from core.listing import Rows
from core.metrics import Metric
from core.months import Month
from core.table_cells import Cell
from tenants.models import MeteringPolicy
from tenants.organizations.tags import tags_of
from usage.cap_badges import Badge, badge
from usage.ledger.months_table import last_months, months_table


@dataclass(frozen=True, slots=True)
class Listed:
    """A row with what stands beside its figures."""

    row: Row
    badge: Badge
    tags: Sequence[str]
    trend: SafeString


@dataclass(frozen=True)
class OrganizationTable:
    """The list of organizations in one state, for one person, at one instant."""

    state: State
    user: User
    provider: Provider
    now: datetime

    @cached_property
    def month(self) -> Month:
        """The running month, whose figures are shown."""
        return Month.of(self.now, self.provider.billing_zone())

    @cached_property
    def plan(self) -> MonthPlan | None:
        """The plan of the month where amounts are shown or sorted by; None for a person without
        the permission to see them."""
        if not self.user.may(Permission.VIEW_BILLING) or "cost" not in self.state.needed:
            return None
        return plan_month(month=self.month)

    @cached_property
    def currency(self) -> str:
        """The currency of the amounts; empty where none can be shown."""
        contract = self.plan.contract if self.plan else None
        return contract.currency if contract else ""

    @cached_property
    def free_user_limit(self) -> int | None:
        """The users that each organization may have without a contract."""
        return MeteringPolicy.objects.free_user_limit_at(self.now)

    @cached_property
    def found(self) -> Found:
        """The matching organizations."""
        alerts: dict[int, int] = {}
        severity: dict[int, int] = {}
        if self.user.may(Permission.VIEW_ALERTS):
            sees_money = self.user.may(Permission.VIEW_BILLING)
            alerts, severity = open_alerts(sees_money=sees_money)
        return Found(
            state=self.state,
            month=self.month,
            free_user_limit=self.free_user_limit,
            figures=Figures(self.plan.by_organization if self.plan else {}, alerts, severity),
        )

    def read(self) -> tuple[list[Listed], Page[Row], Totals]:
        """The requested page, and the sums over all pages."""
        totals = self.found.totals()
        _, page = self.state.listing.read_page(
            lambda offset: Rows(self.found.rows(offset), totals.number)
        )
        return self._listed(list(page.object_list)), page, totals

    def _listed(self, rows: Sequence[Row]) -> list[Listed]:
        ids = [row.pk for row in rows]
        tags = tags_of(ids) if "tags" in self.state.keys else {}
        trends = self._trends(ids) if "trend" in self.state.keys else {}
        return [
            Listed(
                row,
                self._badge(row),
                tags.get(row.pk, ()),
                sparkline(trends.get(row.pk, ()), name=f"Peak users of {row.name}"),
            )
            for row in rows
        ]

    def _badge(self, row: Row) -> Badge:
        return badge(users=row.users, cap=row.user_cap, free_user_limit=self.free_user_limit)

    def _trends(self, ids: Sequence[int]) -> dict[int, tuple[int, ...]]:
        if not ids:
            return {}
        table = months_table(months=self._months, metric=Metric.USERS, among=ids)
        return {row.organization_id: row.high_water_marks for row in table.rows}

    @cached_property
    def _months(self) -> tuple[Month, ...]:
        return last_months(month=self.month)

    def header(self) -> list[str]:
        """The headings of the download."""
        names: dict[str, Sequence[str]] = {
            "hwm": [f"High-water mark {self.month} so far"],
            "cap": ["User cap", "Badge"],
            "trend": [f"High-water mark {month}" for month in self._months],
            "cost": [f"Cost {self.month} so far, before tax", "Currency"],
            "alerts": ["Open alerts"],
        }
        headings = ["Organization"]
        for column in self.state.columns:
            headings += names.get(column.key, [column.label])
        return headings

    def cells(self, only: Sequence[int] | None = None) -> Iterator[list[Cell]]:
        """The rows of the download: all that match, or those of them with these ids."""
        rows = self.found.rows(limit=None)
        if only is not None:
            rows = [row for row in rows if row.pk in set(only)]
        ids = [row.pk for row in rows]
        tags = tags_of(ids) if "tags" in self.state.keys else {}
        trends = self._trends(ids) if "trend" in self.state.keys else {}
        unknown = (0,) * len(self._months)
        for row in rows:
            values: dict[str, Any] = {
                "users": [row.users],
                "hwm": [row.this_month_hwm],
                "cap": ["" if row.user_cap is None else row.user_cap, self._badge(row)],
                "trend": trends.get(row.pk, unknown),
                "cost": [major(row.cost_minor, self.currency), self.currency]
                if self.currency
                else ["", ""],
                "alerts": [row.alerts],
                "tags": [", ".join(tags.get(row.pk, ()))],
                "devices": [row.devices],
                "created": [row.created_at.astimezone(self.provider.billing_zone()).date()],
            }
            cells: list[Cell] = [row.name]
            for column in self.state.columns:
                cells += values[column.key]
            yield cells
