"""Compares the product with the companies: after each moment, and for each closed month."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from tests.proofs.identity_files import File
from tests.proofs.identity_people import Company
from tests.proofs.identity_product import owners_of, rows_of
from tests.proofs.identity_tools import Tool


def open_billing(provider: Any, zone: ZoneInfo) -> None:
    """Give the provider a time zone, a contract by user and a card."""
    from billing.models import BillingProfile, Contract
    from tests.usage.counting import set_policy

    set_policy(billing_time_zone=zone.key, free_user_limit=None)
    provider.billing_time_zone = zone.key
    Contract.objects.create(
        kind="pay_as_you_go",
        package_id=1,
        package_name="Complete",
        metric="users",
        currency="EUR",
        unit_price="2.00",
        starts_on=datetime(2025, 1, 1, tzinfo=UTC).date(),
        invoice_agreement=True,
        automatic_limit_minor=400_000,
        payment_terms_days=300,
    )
    BillingProfile.objects.create(
        legal_name="Proof GmbH", country="DE", tax_name="VAT", tax_rate="19.00"
    )


@dataclass(eq=False)
class Client:
    """A company at the provider: its organization, tools and the rows that it had."""

    company: Company
    tools: tuple[Tool, ...]
    organization: Any
    tool: Tool
    # The last whole export, while it is still the truth.
    file: File | None = None
    rows: list[tuple[datetime, frozenset[int]]] = field(default_factory=list)
    is_wrong: bool = False


@dataclass
class Comparison:
    """What differs, and how often; `counts` are of what was compared."""

    zone: ZoneInfo
    counts: Counter[str]
    counted_twice: int = 0
    leavers_billed: int = 0
    lost: int = 0
    differences: list[str] = field(default_factory=list)

    def compare(self, client: Client, kind: str, at: datetime) -> None:
        """Each real user has one row, with the address and state that were reported."""
        company = client.company
        rows = rows_of(client.organization)
        owners = owners_of(company, rows)
        found = Counter(owners.of_rows.values())
        twice = sum(number - 1 for number in found.values())
        leavers = len(owners.strangers) + len(found.keys() - company.reported.keys())
        lost = len(company.reported.keys() - found.keys())
        self.counted_twice += twice
        self.leavers_billed += leavers
        self.lost += lost
        self.counts["comparisons"] += 1
        wrong = []
        for pk, email, _, state in rows:
            reported = company.reported.get(owners.of_rows.get(pk, -1))
            shown = (email.replace("\u0131", "i"), state == "suspended")
            if reported and shown != (reported.address, reported.is_suspended):
                wrong.append(f"{email} {state}, reported {reported}")
        if twice or leavers or lost or wrong:
            names = [company.everyone[number].mailbox.address for number in company.reported]
            self.wrong(
                client,
                f"after {kind} with {client.tool.name}: {twice} twice, {leavers} left, {lost} lost,"
                f" {wrong[:3]} {_missing(company, owners.of_rows, rows)} of {len(names)}",
            )
        client.rows.append((at, frozenset(pk for pk, *_ in rows)))

    def close(self, provider: Any, clients: Sequence[Client], month: Any, at: datetime) -> None:
        """Close a month, verify it, and compare what it billed with who was there."""
        from billing.invoicing.month_close import close_month
        from billing.verification.verify import verify_month
        from core.metrics import Metric
        from usage.ledger.month_peaks import high_water_marks
        from usage.ledger.verify import verify_ledger

        close_month(provider=provider, month=month, now=at)
        verification = verify_month(provider=provider, month=month, renders=False)
        self.differences += [f"{month}: {each}" for each in verification.differences]
        self.differences += [f"ledger: {each}" for each in verify_ledger()]
        marks = {
            mark.organization_id: mark
            for mark in high_water_marks(month=month, metrics=[Metric.USERS])
        }
        self.counts["closed months"] += 1
        for client in clients:
            if not client.is_wrong:
                self._compare_month(client, month, marks[client.organization.pk])

    def _compare_month(self, client: Client, month: Any, mark: Any) -> None:
        from core.metrics import Metric
        from usage.explain.counted_at_peak import counted_at_peak
        from usage.explain.peaks import explain_month

        bounds = month.starts_at(self.zone), month.ends_at(self.zone)
        peak, when, carried_in = client.company.peak(*bounds)
        explanation = explain_month(
            organization_id=client.organization.pk,
            metric=Metric.USERS,
            month=month,
            zone=self.zone,
        )
        counted, _ = counted_at_peak(explanation=explanation)
        reached_at = when or bounds[0]
        before = [
            rows for at, rows in client.rows if at <= reached_at and (when or at < reached_at)
        ]
        there = before[-1] if before else frozenset()
        self.counts["months"] += 1
        self.counted_twice += max(0, mark.high_water_mark - peak)
        self.lost += max(0, peak - mark.high_water_mark)
        billed = frozenset(each.subject_id for each in counted)
        self.leavers_billed += len(billed - there)
        for what, expected, found in (
            ("mark", peak, mark.high_water_mark),
            ("carried in", carried_in, explanation.carried_in),
            ("instant of the peak", reached_at, explanation.peak.at),
            ("users at the peak", sorted(there), sorted(billed)),
        ):
            self.equal(client, f"{month} {what}", expected, found)

    def expect(self, client: Client, status: int, answered: int) -> None:
        """Compare the status of a response."""
        self.equal(client, "status of a response", status, answered)
        self.counts["requests"] += 1

    def equal(self, client: Client, what: str, expected: object, found: object) -> None:
        """Compare two values."""
        if expected != found:
            self.wrong(client, f"{what}: expected {expected}, found {found}")

    def wrong(self, client: Client, difference: str) -> None:
        """Keep a difference; the client is played no further."""
        client.is_wrong = True
        tools = ", ".join(tool.name for tool in client.tools)
        self.differences.append(f"company {client.company.number} ({tools}) {difference}")


def _missing(
    company: Company,
    of_rows: dict[int, int],
    rows: Sequence[tuple[int, str, str | None, str]],
) -> str:
    """The first accounts without a row, and rows without a user, for the message."""
    lost = [company.everyone[each] for each in company.reported.keys() - set(of_rows.values())]
    extra = [
        row
        for row in rows
        if of_rows.get(row[0]) not in company.reported
        or list(of_rows.values()).count(of_rows[row[0]]) > 1
    ]
    return f"lost {[(each.mailbox.address, each.ids) for each in lost[:3]]}, extra {extra[:4]}"
