"""A scenario of the PSA: a provider connected to the stand-in, with mapped organizations."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from accounts.models import Provider
from billing.models import Contract
from core.actors import Actor
from integrations.autotask.api.credentials import Credentials
from integrations.autotask.sync.runs import request_run, run_slice
from integrations.models import AutotaskConnection, ServiceCheck, ServiceMapping, SyncRun
from tenants.models import ManagedUser, Organization
from tests.autotask_fixtures import HEADERS, AutotaskStandIn

BILL = Actor(id=2, name="Bill Nordlicht")
COST = Decimal("2.10")
FIRST_CONTRACT = 3000
SERVICE = 41
GOOD = Credentials(
    user_name=HEADERS["UserName"],
    integration_code=HEADERS["ApiIntegrationCode"],
    secret=HEADERS["Secret"],
)


@dataclass
class PsaScenario:
    """A connected provider. A test sets `now`; the provider's schema is entered."""

    provider: Provider
    stand_in: AutotaskStandIn
    now: datetime
    lines: dict[int, int] = field(default_factory=dict)

    def connect(self, **settings: Any) -> None:
        """Store credentials without a call; the first run looks the zone up."""
        AutotaskConnection.objects.create(
            pk=1, credentials=GOOD.encrypted(), connected_at=self.now, company_types=[1], **settings
        )

    def contract(self, **changes: Any) -> Contract:
        """The contract with the cost per user."""
        return Contract.objects.create(
            **{
                "kind": "pay_as_you_go",
                "package_id": 1,
                "package_name": "Platform",
                "metric": "users",
                "currency": "USD",
                "unit_price": COST,
                "starts_on": date(2026, 1, 1),
                "automatic_limit_minor": 400_000,
                "payment_terms_days": 30,
                **changes,
            }
        )

    def organization(self, users: int, *, number: int = 0, non_billable: int = 0) -> ServiceMapping:
        """An organization with users, mapped to the first service of the number-th customer."""
        organization = Organization.objects.create(
            name=f"Client {number}", created_at=self.now - timedelta(days=200)
        )
        self.join(organization, users, at=self.now - timedelta(days=100))
        return self.map(organization, number=number, non_billable=non_billable)

    def map(
        self, organization: Organization, *, number: int, non_billable: int = 0
    ) -> ServiceMapping:
        return ServiceMapping.objects.create(
            organization=organization,
            company_id=29_683_500 + number,
            company_name=f"Company {number}",
            contract_id=FIRST_CONTRACT + number,
            contract_name="Managed services",
            service_id=SERVICE,
            service_name="Email Security",
            contract_service_id=self.line(number),
            non_billable_users=non_billable,
            first_month=self.now.date().replace(day=1),
            created_at=self.now,
            created_by_name="Bill",
        )

    def join(self, organization: Organization, count: int, *, at: datetime | None = None) -> None:
        """Add users."""
        ManagedUser.objects.bulk_create(
            ManagedUser(
                organization=organization,
                email=f"u{organization.pk}.{ManagedUser.objects.count()}.{index}@example.com",
                added_at=at or self.now,
            )
            for index in range(count)
        )

    def leave(self, organization: Organization, count: int) -> None:
        """Remove users."""
        users = ManagedUser.objects.filter(organization=organization, removed_at=None)
        ids = list(users.values_list("pk", flat=True)[:count])
        ManagedUser.objects.filter(pk__in=ids).update(removed_at=self.now)

    def line(self, number: int = 0) -> int:
        """The contract service of the number-th customer."""
        if not self.lines:
            for row in self.stand_in.rows("ContractServices"):
                if row["serviceID"] == SERVICE:
                    self.lines[row["contractID"] - FIRST_CONTRACT] = row["id"]
        return self.lines[number]

    def units(self, number: int = 0, *, day: date | None = None) -> int:
        """The units that Autotask holds on a day, today by default."""
        return int(self.row(number, day=day)["units"])

    def row(self, number: int = 0, *, day: date | None = None) -> dict[str, Any]:
        """The unit row of a day, today by default."""
        on = f"{(day or self.now.date()).isoformat()}T00:00:00Z"
        answer = self.stand_in.query(
            "ContractServiceUnits",
            {"op": "eq", "field": "contractServiceID", "value": self.line(number)},
            {"op": "lte", "field": "startDate", "value": on},
            {"op": "gte", "field": "endDate", "value": on},
        )
        (row,) = answer.json()["items"]
        return dict(row)

    def set_units(self, units: int, number: int = 0, **changes: Any) -> None:
        """Set units as a person in Autotask, from this month on."""
        day = self.now.date().replace(day=1).isoformat()
        self.stand_in.control(
            "POST",
            "units",
            {"contractServiceID": self.line(number), "day": day, "units": units, **changes},
        )

    def sync(self, *, kind: SyncRun.Kind = SyncRun.Kind.MANUAL, slices: int = 1) -> SyncRun:
        """Request a run and work on its slices, each at the time that the last one returned."""
        run = request_run(kind=kind, actor=BILL, now=self.now)
        return self.work_on(run, slices=slices)

    def work_on(self, run: SyncRun, *, slices: int = 1) -> SyncRun:
        for _ in range(slices):
            again_at = run_slice(run_id=run.pk, now=self.now)
            if again_at is None:
                break
            self.now = again_at
        return SyncRun.objects.with_counts().get(pk=run.pk)

    def check(self, run: SyncRun, number: int = 0) -> ServiceCheck:
        """The run's check of the number-th customer, in its latest month."""
        return run.checks.filter(mapping__company_id=29_683_500 + number).latest("month")

    def adjustments(self) -> list[dict[str, Any]]:
        """Every adjustment that Autotask has accepted."""
        return self.stand_in.rows("ContractServiceAdjustments")


def noon(*day: int) -> datetime:
    """Noon in UTC, which is the same day in every time zone of the tests."""
    return datetime(*day, 12, tzinfo=UTC)
