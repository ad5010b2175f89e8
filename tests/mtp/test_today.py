"""Operations' start page shows what needs a person, across providers, in one statement each."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Provider, ProviderFigures
from accounts.rounds import PLATFORM, report_round
from billing.tasks import BOOK_RECENT
from core.operations.alerts import raise_alert
from core.operations.heartbeats import BEAT, WORKER, note
from core.operations.kinds import kind_named
from core.operations.models import OperationsAlert, UnmatchedEvent
from core.operations.outbox_watch import DEAD
from core.operations.unmatched_events import UNMATCHED, keep_unmatched
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from mtp.today import MOST_ROWS
from tests.personas import Personas

UNMATCHED_TITLE = kind_named(UNMATCHED).title
MANY = 1_000


@pytest.fixture
def operations(client: Client, people: Personas) -> Client:
    """A browser in which operations staff is signed in."""
    client.force_login(people.staff)
    return client


def figures(provider: Provider, **changed: object) -> ProviderFigures:
    values = {"as_of": timezone.now(), **changed}
    return ProviderFigures.objects.create(provider=provider, **values)


def test_the_page_without_any_trouble_says_so(
    operations: Client, north: Provider, south: Provider
) -> None:
    figures(north)
    figures(south)
    note(names=[BEAT], now=timezone.now())
    page = operations.get("/operations/").text
    for sentence in (
        "No alert is open.",
        "Every scheduled round works.",
        "Every month that is over is closed.",
        "No invoice is overdue.",
        "No line and no payment is disputed.",
        "Every due message is delivered.",
        "Every event of Stripe matches a provider.",
        "No card and no contract ends soon.",
        "The beat",
    ):
        assert sentence in page
    assert "not looked at" not in page


def test_the_page_shows_what_needs_a_person(
    operations: Client, north: Provider, south: Provider
) -> None:
    now = timezone.now()
    soon = timezone.localdate() + timedelta(days=5)
    figures(
        north,
        months_to_close=2,
        oldest_month=date(2026, 9, 1),
        unpaid={"USD": 45_000},
        unpaid_invoices=2,
        overdue={"USD": 33_000},
        overdue_since=date(2026, 11, 1),
        disputed={"USD": 1_100},
        is_suspended=True,
        card_expires_on=soon,
        contract_ends_on=soon,
    )
    with provider_schema(north):
        raise_alert(kind=DEAD, key="k", summary="S.", next_step="N.", now=now)
    report_round(BOOK_RECENT, failed={PLATFORM: ValueError("no")}, worked=[], now=now)
    OutboxMessage.objects.create(
        topic="mail.send", key="dead", created_at=now, due_at=now, dead_at=now
    )
    note(names=[BEAT], now=now - timedelta(hours=2))
    note(names=[f"{WORKER}people"], now=now)
    page = operations.get("/operations/").text
    for part in (
        "Messages are dead",
        "Booking refunds and disputes failed",
        "2, the oldest September 2026",
        "$330.00 since 1 Nov 2026, suspended",
        "$11.00",
        "mail.send",
        "1 dead",
        f"contract {soon:%-d %b %Y}, card {soon:%-d %b %Y}",
        "The worker of the queue people",
        "Silent",
        # South was never looked at.
        "1 of 2 providers was not looked at",
    ):
        assert part in page


def test_unmatched_events_have_a_section_and_are_no_alert_there(operations: Client) -> None:
    now = timezone.now()
    for number in range(2):
        keep_unmatched(
            event_id=f"evt_{number}",
            kind="charge.refunded",
            object_id="ch_1",
            reason="Of an unknown customer.",
            now=now,
        )

    page = operations.get("/operations/").text

    assert "Of an unknown customer." in page
    assert f"2, since {now:%-d %b, %H:%M}" in page
    assert "No alert is open." in page
    assert UNMATCHED_TITLE not in page


def add_trouble(providers: list[Provider]) -> None:
    """A row in every section for each of these providers."""
    now = timezone.now()
    ProviderFigures.objects.bulk_create(
        ProviderFigures(
            provider=each,
            as_of=now,
            overdue={"USD": 1},
            overdue_since=date(2026, 11, 1),
            disputed={"USD": 1},
            months_to_close=1,
            oldest_month=date(2026, 9, 1),
            card_expires_on=timezone.localdate() + timedelta(days=5),
        )
        for each in providers
    )
    OperationsAlert.objects.bulk_create(
        OperationsAlert(
            kind=f"k{each.pk}", key="k", schema_name=each.schema_name, opened_at=now,
            last_seen_at=now, summary="S.", next_step="N.",
        )
        for each in providers
    )  # fmt: skip
    OutboxMessage.objects.bulk_create(
        OutboxMessage(topic=f"t{each.pk}", key="k", created_at=now, due_at=now, dead_at=now)
        for each in providers
    )
    UnmatchedEvent.objects.bulk_create(
        UnmatchedEvent(
            event_id=each.name, type="t", object_id="o", reason=each.name, received_at=now
        )
        for each in providers
    )


def test_a_thousand_providers_cost_no_more_statements(operations: Client, north: Provider) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as seen:
            operations.get("/operations/")
        return len(seen)

    add_trouble([north])
    statements()
    before = statements()
    many = Provider.objects.bulk_create(
        Provider(
            name=f"Provider {number}",
            invoice_prefix=f"P{number}",
            schema_name=f"provider_p{number}",
            state=Provider.State.ACTIVE,
        )
        for number in range(MANY)
    )
    add_trouble(many)

    assert statements() == before
    assert f"And {MANY + 1 - MOST_ROWS} more." in operations.get("/operations/").text


def test_a_row_leads_into_its_provider(operations: Client, north: Provider) -> None:
    figures(north, disputed={"USD": 1})
    address = f"/operations/accounts/provider/{north.pk}/work-in/"
    page = operations.get("/operations/").text
    assert address in page
    target = "/operations/billing/linedispute/"
    assert f'value="{target}"' in page
    assert operations.post(address, {"next": target})["Location"] == target
    assert operations.get(target).status_code == 200
    outside = operations.post(address, {"next": "https://elsewhere.example/"})
    assert outside["Location"] == "/operations/"
