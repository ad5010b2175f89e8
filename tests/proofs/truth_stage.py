"""Plays a history in the portal and compares each place of each month with the naive replay."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from tests.proofs import truth_places as places
from tests.proofs.truth_history import History, Report
from tests.proofs.truth_replay import Adjustment, Bills, Fact, Plan, Replay, bounds

Month = tuple[int, int]
LONG_BEFORE = datetime(2025, 1, 1, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
VOIDED = 0.25


@contextlib.contextmanager
def rolled_back() -> Iterator[None]:
    """A transaction that is rolled back, in which the close may run as if it were the outermost."""
    from django.db import transaction

    block = transaction.atomic()
    # As Django's own test cases: otherwise `durable=True` refuses to be nested.
    block._from_testcase = True  # noqa: SLF001 - see above
    with block:
        yield
        transaction.set_rollback(True)


def _adjusted(planned: Plan) -> Counter[int | None]:
    """The amounts of the adjustments on a month's invoices, by organization."""
    amounts: Counter[int | None] = Counter()
    for each in (each for adjustments in planned.placed.values() for each in adjustments):
        amounts[each.organization] += each.minor
    return amounts


@dataclass
class Stage:
    """One history in one provider; `client` is signed in with billing, `system` uses the API."""

    provider: Any
    history: History
    client: Any
    system: Any
    differences: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def play(self) -> None:
        """Play all months, close each, and compare before and after each close."""
        self._create()
        self.waiting = list(self.history.reports)
        for month in self.history.months:
            _, ends = bounds(*month, self.history.zone)
            self._happen_until(ends - INSTANT)
            self._compare_bill_so_far(month, ends - INSTANT)
            closed_at = self.history.closes_at(month)
            self._happen_until(closed_at)
            if closed_at - ends > timedelta(days=1):
                self._compare_bill_so_far((month[0], month[1] + 1), closed_at - INSTANT)
            self._close_and_compare(month, closed_at)
            self._erase(month, closed_at)
            if self.history.dice.random() < VOIDED:
                self._void(month, closed_at)
        self._verify()

    def _create(self) -> None:
        from billing.models import BillingProfile, Contract
        from tenants.models import Organization
        from tests.usage.counting import set_policy

        agreement, zone = self.history.agreement, self.history.zone
        set_policy(billing_time_zone=zone.key, free_user_limit=None)
        self.provider.billing_time_zone = zone.key
        Contract.objects.create(
            kind="pay_as_you_go" if agreement.committed is None else "committed",
            package_id=1,
            package_name="Complete",
            metric=agreement.metric,
            currency=agreement.currency,
            unit_price=agreement.price,
            committed_quantity=agreement.committed,
            commitment_basis="all_together" if agreement.is_together else "sum_of_peaks",
            starts_on=LONG_BEFORE.date(),
            invoice_agreement=True,
            automatic_limit_minor=400_000,
            payment_terms_days=300,
        )
        BillingProfile.objects.create(
            legal_name="Proof GmbH", country="DE", tax_name="VAT", tax_rate=agreement.tax_rate
        )
        self.organizations = Organization.objects.bulk_create(
            Organization(name=f"Client {number:02d}", created_at=LONG_BEFORE)
            for number in range(self.history.organizations)
        )
        self.ids = [each.pk for each in self.organizations]
        self.names = {each.name: each.pk for each in self.organizations}
        self.bills = Bills(Replay(zone, agreement), self.ids)
        self.orders: Counter[Month] = Counter()
        self.subjects: dict[tuple[int, str], Any] = {}

    def _happen_until(self, until: datetime) -> None:
        while self.history.packs and self.history.packs[0][0] <= until:
            self._order(*self.history.packs.pop(0))
        while self.waiting and self.waiting[0].at <= until:
            report = self.waiting.pop(0)
            if report.metric == "mau":
                self._report_activity(report)
            else:
                self._report(report)
            self.counts["late"] += report.at != report.real
            fact = Fact(
                report.subject,
                self.ids[report.organization],
                report.metric,
                report.delta,
                report.real,
                report.at,
            )
            self.bills.replay.facts.append(fact)

    def _report(self, report: Report) -> None:
        from tenants.models import Device, ManagedUser

        model = ManagedUser if report.metric == "users" else Device
        key = (report.subject, report.metric)
        if report.delta < 0:
            pk = self.subjects[key].pk
            model.objects.filter(pk=pk).update(removed_at=report.real)
            self.counts["removals"] += 1
            return
        name = f"{report.subject}.{report.organization}"
        named = (
            {"email": f"u{name}@client.example"}
            if report.metric == "users"
            else {"name": "Laptop", "serial_number": name}
        )
        organization = self.organizations[report.organization]
        (self.subjects[key],) = model.objects.bulk_create(
            [model(organization=organization, added_at=report.real, **named)]
        )
        self.counts["additions"] += 1

    def _report_activity(self, report: Report) -> None:
        from tests.usage.sightings import report as report_seen

        user = self.subjects[report.subject, "users"]
        organization = self.organizations[report.organization]
        report_seen(organization, (user, report.real), now=report.at)
        self.counts["sightings"] += 1

    def _order(self, at: datetime, quantity: int, months: int) -> None:
        """Order a pack of active users, which is invoiced at once."""
        from accounts.models import Offer
        from billing.invoicing.pack_orders import order_pack, quote
        from core.actors import SYSTEM_ACTOR

        agreement = self.history.agreement
        offer = Offer.objects.create(
            name=f"Pack {self.counts['packs']}", quantity=quantity, months=months
        )
        offer.prices.create(currency=agreement.currency, price=Decimal(quantity) * 7)
        confirmed = quote(provider=self.provider, offer_id=offer.pk, now=at).to_be_confirmed
        order_pack(
            provider=self.provider,
            offer_id=offer.pk,
            confirmed=confirmed,
            actor=SYSTEM_ACTOR,
            now=at,
        )
        local = at.astimezone(self.history.zone)
        for number in range(months):
            self.bills.replay.prepaid[local.year, local.month + number] += quantity
        subtotal = agreement.of_price(quantity * 7)
        self.orders[local.year, local.month] += subtotal + agreement.tax(subtotal)
        self.counts["packs"] += 1

    def _close_and_compare(self, month: Month, at: datetime) -> None:
        from billing.documents.store import render_documents
        from billing.invoicing.month_close import close_month
        from core.months import Month as BillingMonth

        currency = self.history.agreement.currency
        planned = self.bills.plan(month, at)
        totals = planned.totals
        with self._requests(at):
            previewed = places.of_preview(self.client, month, currency)
        close_month(provider=self.provider, month=BillingMonth(*month), now=at)
        invoices = self._invoices(month)
        issued = {each.kind: each.total_minor for each in invoices}
        self._equal(month, "invoices", totals, issued)
        self._equal(month, "preview total", sum(totals.values()), previewed.total_minor)
        for invoice in invoices:
            render_documents(invoice=invoice, now=at)
        with self._requests(at):
            own, charged = places.of_statement(self.client, month, currency)
            counted = [previewed, own, *self._counted_over_http(month)]
        counted += [self._row(month), places.of_psa(month)]
        self._compare_counted(month, at, counted)
        billed = [
            places.of_invoices(invoices),
            places.of_csv(invoices, currency),
            places.of_pdf(invoices, self.names, currency),
        ]
        charged.total_minor = (charged.total_minor or 0) - self.orders[month]
        self._compare_billed(month, at, [*billed, charged], sum(totals.values()))
        for shown in billed[:2]:
            self._equal(month, f"{shown.place} adjustments", _adjusted(planned), shown.adjustments)
        self.planned = self.bills.close(month, at)
        self._credit(planned, at)
        adjusted = [each for placed in planned.placed.values() for each in placed]
        self.counts["adjustments"] += len(adjusted)
        self.counts["credits"] += sum(each.minor < 0 for each in adjusted)
        self.counts["months"] += 1
        self.counts["invoices"] += len(invoices)

    def _invoices(self, month: Month) -> list[Any]:
        from billing.models import Invoice

        invoices = Invoice.objects.filter(month=date(*month, 1), voided_at=None)
        return list(invoices.exclude(kind="order").order_by("pk"))

    def _counted_over_http(self, month: Month) -> list[places.Shown]:
        metrics = self.history.agreement.counts
        if metrics == ("mau",):
            return [
                places.of_activity_api(self.system, month, self.ids),
                places.of_activity_pages(self.client, month, self.ids),
            ]
        return [
            places.of_api(self.system, month, self.ids, metrics),
            places.of_pages(self.client, month, self.ids, metrics),
            places.of_history(self.client, month, metrics),
        ]

    def _row(self, month: Month) -> places.Shown:
        metrics = self.history.agreement.counts
        return (
            places.of_active_rows(month) if metrics == ("mau",) else places.of_rows(month, metrics)
        )

    def _credit(self, planned: Plan, at: datetime) -> None:
        """Credit notes for what no invoice can carry; a refused one is known to operations."""
        from billing.corrections.late_credits import credit_late_usage
        from core.months import Month as BillingMonth
        from core.operations.models import OperationsAlert

        months = sorted({each.month for each in planned.waiting})
        notes = credit_late_usage(months=[BillingMonth(*month) for month in months], now=at)
        left = list(planned.waiting)
        for line in (line for note in notes for line in note.lines.all()):
            of_month = (line.adjusted_month.year, line.adjusted_month.month)
            credited = Adjustment(
                of_month, line.organization_id, -line.quantity, -line.amount_minor
            )
            self._equal(of_month, "credit note", True, credited in left)
            if credited in left:
                left.remove(credited)
                self.bills.bill([credited])
            self.counts["credit notes"] += 1
        for each in left:
            key = places.text_of(each.month)
            is_known = OperationsAlert.objects.filter(key=key, settled_at=None).exists()
            self._equal(each.month, "refused credit is an alert", True, is_known)
            self.counts["refused credits"] += 1

    def _compare_counted(self, month: Month, at: datetime, counted: list[places.Shown]) -> None:
        own = self.bills.replay.quantities(self.ids, month, at)
        for shown in counted:
            self._cells(month, shown.place, own, shown.quantities)

    def _compare_billed(
        self, month: Month, at: datetime, billed: list[places.Shown], total_minor: int
    ) -> None:
        """Compare what the invoices say; without an invoice, nothing is said."""
        agreement, replay = self.history.agreement, self.bills.replay
        has_lines = agreement.committed is None and not replay.prepaid[month]
        shares = replay.quantities(self.ids, month, at)
        if agreement.is_together:
            _, shares = replay.together(month, at)
        if not total_minor:
            shares = {}
        amounts = {pk: agreement.minor(quantity) for pk, quantity in shares.items()}
        for shown in billed:
            self._cells(month, shown.place, shares, shown.quantities)
            if has_lines:
                self._cells(month, f"{shown.place} amount", amounts, shown.amounts)
            self._equal(month, f"{shown.place} total", total_minor, shown.total_minor)

    def _compare_bill_so_far(self, month: Month, at: datetime) -> None:
        """Each place that shows the running month's bill, and the packs ordered in it."""
        expected = sum(self.bills.plan(month, at).totals.values())
        with self._requests(at):
            shown = places.bills_so_far(self.client, month, self.history.agreement.currency)
        for place, total in shown.items():
            ordered = self.orders[month] if place.startswith("statement") else 0
            self._equal(month, f"{place} so far", expected, total - ordered)

    def _erase(self, month: Month, at: datetime) -> None:
        """Erase some of the removed users; their CSV files are rendered again, and are as true."""
        from billing.erasure.erase import erasable_users, erase_users
        from billing.models import InvoiceLine

        users = list(erasable_users(removed_before=at).order_by("pk"))
        chosen = self.history.dice.sample(users, len(users) * 2 // 3)
        invoices, currency = self._invoices(month), self.history.agreement.currency
        before = places.of_csv(invoices, currency)
        erased = erase_users([user.pk for user in chosen], removed_before=at, now=at)
        self._equal(month, "erased users", len(chosen), erased)
        self._equal(month, "csv after an erasure", before, places.of_csv(invoices, currency))
        named = InvoiceLine.objects.filter(
            peak_subject_name__in=[user.email for user in chosen]
        ).count()
        self._equal(month, "lines that name an erased user", 0, named)
        self.counts["erased"] += erased

    def _void(self, month: Month, closed_at: datetime) -> None:
        """Void the usage or overage invoice; issue it again, or leave it to the next close."""
        from billing.corrections.reissue import reissue, terms_as_issued
        from billing.corrections.voids_and_write_offs import void_invoice
        from core.actors import SYSTEM_ACTOR

        at = closed_at + timedelta(minutes=1)
        for invoice in self._invoices(month):
            if invoice.kind == "commitment":
                continue
            void_invoice(invoice_id=invoice.pk, reason="Proof", actor=SYSTEM_ACTOR, now=at)
            self.counts["voids"] += 1
            if self.history.dice.random() < 1 / 2:
                terms = terms_as_issued(invoice)
                again = reissue(invoice_id=invoice.pk, corrected=terms, actor=SYSTEM_ACTOR, now=at)
                self._equal(month, "reissued", invoice.total_minor, again.total_minor)
            else:
                self.bills.bill(self.planned.placed[invoice.kind], times=-1)
        total_minor = sum(invoice.total_minor for invoice in self._invoices(month))
        with self._requests(at):
            _, charged = places.of_statement(self.client, month, self.history.agreement.currency)
        self._equal(
            month, "statement after a void", total_minor + self.orders[month], charged.total_minor
        )

    @contextlib.contextmanager
    def _requests(self, at: datetime) -> Iterator[None]:
        """Send requests at this time; afterwards the provider's schema is entered again."""
        import time_machine

        from core.schema import provider_schema

        with provider_schema(self.provider), time_machine.travel(at, tick=False):
            yield

    def _cells(
        self, month: Month, place: str, expected: dict[int, int], found: dict[int, int] | None
    ) -> None:
        for number, pk in enumerate(self.ids):
            what = f"{place} of {number}"
            self._equal(month, what, expected.get(pk, 0), (found or {}).get(pk, 0))

    def _equal(self, month: Month, what: str, expected: object, found: object) -> None:
        self.counts["cells"] += 1
        if expected != found:
            self.differences.append(
                f"{self.history.zone.key} {places.text_of(month)} {what}: "
                f"expected {expected}, found {found}; {self.history.agreement}"
            )

    def _verify(self) -> None:
        from billing.verification.verify import closed_months, verify_month

        for month in closed_months(provider=self.provider):
            verification = verify_month(provider=self.provider, month=month, renders=False)
            self.counts["verified"] += 1
            self.differences += [f"verify {month}: {each}" for each in verification.differences]
